import { shownAsked, shownDisclosure } from '../see-client/see-client.handler.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import type { Account, AccountMatter } from './account.js';
import type { AccountSession } from './account-sessions.js';
import type { AccountDto } from './client-account.dto.js';

/** The account as data. */
export const shownAccount = (account: Account, { id }: ServedAgency, { formToken }: AccountSession): AccountDto => {
  const { matters, asked, disclosures, emergencyLooks, namesWithheld, isOther } = account;
  return {
    consents: matters.map(shownMatter),
    asked: asked.map((one) => shownAsked(one, id, namesWithheld)),
    disclosures: disclosures.map((one) => shownDisclosure(one, namesWithheld)),
    emergencyLooks: emergencyLooks.map((look) => ({ ...look })),
    namesWithheld,
    isOther,
    formToken,
  };
};

function shownMatter(matter: AccountMatter): AccountDto['consents'][number] {
  const { consentId, version, state, categories, record, proposal, endedAt, used, acts, withdraw, contacts } = matter;
  const terms = record ?? proposal;
  return {
    consentId,
    version,
    state,
    categories: [...categories],
    grants: record?.grants ?? proposal?.wanted ?? [],
    ...(terms && { collectingAgency: terms.collectingAgency }),
    purposes: terms?.purposes ?? [],
    ...(record && { validFrom: record.validFrom }),
    ...(terms && { validUntil: terms.validUntil }),
    ...(proposal && !record && { answerBy: proposal.lapsesAt }),
    ...(endedAt !== undefined && { endedAt }),
    used: [...used],
    acts: acts.map(({ act, by, agency, iat }) => ({ act, by, agency, at: new Date(iat * 1_000).toISOString() })),
    withdraw,
    contacts: [...contacts],
  };
}
