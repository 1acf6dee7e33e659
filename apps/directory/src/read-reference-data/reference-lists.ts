import { listCheck, shapeParts } from '#catalogue';
import { agencyIdPattern } from '#kernel';

const { text, slug, dated, names } = shapeParts;
const agency = { type: 'string', pattern: agencyIdPattern.source };
const listOf = (items: object) => ({ type: 'array', items, uniqueItems: true, minItems: 1 });
const languages = listOf({ enum: ['fi', 'sv'] });
const coded = dated({ code: slug, names });

/** Shapes of the lists that only the directory reads; the catalogue's own are checked by its library. */
export const listChecks = {
  duties: listCheck('duties', coded),
  clientGroups: listCheck('clientGroups', coded),
  routingRules: listCheck(
    'routingRules',
    dated(
      {
        code: slug,
        names,
        territory: { enum: ['mainland', 'aland', 'finland'] },
        duties: listOf(slug),
        clientGroups: { anyOf: [listOf(slug), { type: 'null' }] },
        answeredBy: { enum: ['municipality', 'employment-authority', 'county', 'agency'] },
      },
      { agency, askFirst: { type: 'integer', minimum: 1 } },
    ),
  ),
  aliases: listCheck(
    'aliases',
    dated({
      code: slug,
      kind: { enum: ['te-office', 'ely-centre', 'employment-pilot'] },
      names,
      otherNames: { type: 'array', items: text, uniqueItems: true },
      regions: { anyOf: [listOf({ type: 'string', pattern: '^[0-9]{2}$' }), { type: 'null' }] },
      successor: { enum: ['employment-authority', 'economic-development-centre'] },
    }),
  ),
  namedAgencies: listCheck('namedAgencies', dated({ id: agency, names, shortNames: names, languages })),
  organisations: listCheck('organisations', dated({ businessId: text, names, units: listOf(agency) })),
} as const;
