import type { Consent as ConsentMessage } from '#contracts';
import type { Queryable } from '#platform';
import { proposalStateAt, stateAt } from '../domain/consent-state.js';
import type { ConsentUse } from '../domain/decide-basis.js';
import { readActs, type StoredAct } from './acts.js';
import { type Matter, readUses } from './consents.js';

/**
 * What was asked, agreed, done and used, for each matter.
 *
 * @param withheld agencies' names are withheld from who looks: statements that name them are left out
 */
export async function readAccount(
  database: Queryable,
  matters: readonly Matter[],
  now: Date,
  withheld = false,
): Promise<ConsentMessage[]> {
  const ids = matters.map(({ id }) => id);
  const [uses, acts] = await Promise.all([readUses(database, ids), readActs(database, ids)]);
  return matters.map((matter) => {
    const about = ({ consentId }: { readonly consentId: string }): boolean => consentId === matter.id;
    return messageOf(matter, { uses: uses.filter(about), acts: acts.filter(about), now, withheld });
  });
}

const messageOf = (
  matter: Matter,
  {
    uses,
    acts,
    now,
    withheld,
  }: {
    readonly uses: readonly ConsentUse[];
    readonly acts: readonly StoredAct[];
    readonly now: Date;
    readonly withheld: boolean;
  },
): ConsentMessage => ({
  record: withheld ? '' : (matter.consent?.token ?? ''),
  state: stateOf(matter, now),
  uses: uses.length,
  changedAt: matter.changedAt,
  proposal: withheld ? '' : (matter.proposal?.token ?? ''),
  consentId: matter.id,
  version: matter.version,
  used: uses.map(({ version, exchangeId, recipient, usedAt }) => ({
    version,
    exchangeId,
    recipient: withheld ? '' : recipient,
    usedAt,
  })),
  acts: withheld ? [] : acts.flatMap(({ statement }) => statement ?? []),
  endedAt: matter.endedAt,
  categories: ('grants' in matter.terms ? matter.terms.grants : matter.terms.wanted).map(({ category }) => category),
  namesWithheld: withheld,
});

const stateOf = ({ consent, state, terms, version }: Matter, now: Date): string => {
  if (consent) return stateAt(consent, version, now);
  return 'lapsesAt' in terms ? proposalStateAt(state, terms, now) : state;
};
