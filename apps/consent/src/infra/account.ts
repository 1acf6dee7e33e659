import type { Consent as ConsentMessage } from '#contracts';
import type { ConsentProposal, ConsentRecord } from '#envelope';
import type { Pseudonym } from '#kernel';
import type { Queryable } from '#platform';
import { proposalStateAt, stateAt } from '../domain/consent-state.js';
import type { ConsentUse } from '../domain/decide-basis.js';
import { readActs, type StoredAct } from './acts.js';
import { type Matter, mattersAbout, readUses } from './consents.js';
import { linkedPseudonyms } from './subjects.js';

export interface AccountView {
  readonly isShown?: (terms: ConsentRecord | ConsentProposal) => boolean;
  /** Agencies' names are withheld from who looks: statements that name them are left out. */
  readonly withheld?: boolean;
}

/** Everything about a person, under every pseudonym that links join: what was asked, agreed, done and used; oldest first. */
export async function readAccount(
  database: Queryable,
  subject: Pseudonym,
  now: Date,
  { isShown = () => true, withheld = false }: AccountView = {},
): Promise<ConsentMessage[]> {
  const matters = (await mattersAbout(database, await linkedPseudonyms(database, subject))).filter(({ terms }) =>
    isShown(terms),
  );
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
