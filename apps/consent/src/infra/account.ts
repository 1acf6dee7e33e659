import type { Consent as ConsentMessage } from '#contracts';
import type { ConsentProposal, ConsentRecord } from '#envelope';
import type { Pseudonym } from '#kernel';
import type { Queryable } from '#platform';
import { proposalStateAt, stateAt } from '../domain/consent-state.js';
import { readActs } from './acts.js';
import { type Matter, mattersAbout, readUses } from './consents.js';
import { linkedPseudonyms } from './subjects.js';

/** Everything about a person, under every pseudonym that links join: what was asked, agreed, done and used; oldest first. */
export async function readAccount(
  database: Queryable,
  subject: Pseudonym,
  now: Date,
  isShown: (terms: ConsentRecord | ConsentProposal) => boolean = () => true,
): Promise<ConsentMessage[]> {
  const matters = (await mattersAbout(database, await linkedPseudonyms(database, subject))).filter(({ terms }) =>
    isShown(terms),
  );
  const ids = matters.map(({ id }) => id);
  const [uses, acts] = await Promise.all([readUses(database, ids), readActs(database, ids)]);
  return matters.map((matter) => {
    const used = uses.filter(({ consentId }) => consentId === matter.id);
    return {
      record: matter.consent?.token ?? '',
      state: stateOf(matter, now),
      uses: used.length,
      changedAt: matter.changedAt,
      proposal: matter.proposal?.token ?? '',
      consentId: matter.id,
      version: matter.version,
      used: used.map(({ version, exchangeId, recipient, usedAt }) => ({ version, exchangeId, recipient, usedAt })),
      acts: acts.flatMap(({ consentId, statement }) => (consentId === matter.id && statement ? [statement] : [])),
      endedAt: matter.endedAt,
    };
  });
}

const stateOf = ({ consent, state, terms, version }: Matter, now: Date): string => {
  if (consent) return stateAt(consent, version, now);
  return 'lapsesAt' in terms ? proposalStateAt(state, terms, now) : state;
};
