import type { DisclosureReport, ProcessedLine, ReportedDisclosure } from '#disclosure-report';
import { type Basis, type LogBody, liftingConsents } from '#envelope';
import type { AgencyId, Pseudonym } from '#kernel';

export interface EntryAbout {
  readonly index: number;
  readonly body: LogBody;
}

export interface ReportOfEntries {
  readonly subject: Pseudonym;
  readonly madeBy: AgencyId;
  readonly madeAt: Date;
  readonly language: string;
  readonly from: Date;
  readonly until: Date;
  readonly entries: readonly EntryAbout[];
}

const opening = new Set(['message-released', 'message-re-released']);

/**
 * The account of one client from the log's entries, over all agencies that the reader may see. The log knows pseudonyms only:
 * of the client, and of each agency's staff.
 */
export function reportOfEntries({ subject, entries, from, until, ...made }: ReportOfEntries): DisclosureReport {
  const within = entries.filter(({ body }) => {
    const at = Date.parse(body.at);
    return body.subjects?.includes(subject) === true && at >= from.getTime() && at < until.getTime();
  });
  return {
    v: 1,
    language: made.language,
    madeAt: made.madeAt.toISOString(),
    madeBy: made.madeBy,
    person: subject,
    period: { from: from.toISOString(), until: until.toISOString() },
    disclosures: within.flatMap(disclosuresOf),
    processing: within.flatMap(processingOf),
    truncated: false,
    namesWithheld: false,
  };
}

/** One line for each basis that the opened message states. */
function disclosuresOf({ index, body }: EntryAbout): ReportedDisclosure[] {
  const { type, exchangeId, sender, recipient, purpose, basis = [] } = body;
  if (!opening.has(type) || exchangeId === undefined) return [];
  return basis.map((item) => ({
    exchangeId,
    at: body.at,
    opened: true,
    ...(sender && { from: sender }),
    ...(recipient && { to: recipient }),
    categories: item.categories,
    ...liftOf(item),
    ...(purpose && { purpose }),
    logIndex: index,
  }));
}

function liftOf({ secrecyLift }: Basis): { basis: 'consent' | 'law'; provision?: string } {
  if ('statute' in secrecyLift) return { basis: 'law', provision: secrecyLift.statute.id };
  return { basis: liftingConsents(secrecyLift).length > 0 ? 'consent' : 'law' };
}

function processingOf({ index, body }: EntryAbout): ProcessedLine[] {
  const { type, exchangeId, actor, code } = body;
  const what = opening.has(type)
    ? 'opened'
    : type === 'release-refused'
      ? 'refused'
      : type.startsWith('consent-')
        ? 'consent'
        : undefined;
  if (what === undefined) return [];
  return [
    {
      ...(exchangeId && { exchangeId }),
      at: body.at,
      what,
      ...(actor && { agency: actor.agency }),
      ...(actor?.worker && { pseudonym: actor.worker }),
      ...((code ?? (what === 'consent' ? type : undefined)) && { code: code ?? type }),
      logIndex: index,
    },
  ];
}
