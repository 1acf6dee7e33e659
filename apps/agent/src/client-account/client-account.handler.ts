import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type ConsentRecord, partiesOf, signStatement } from '#envelope';
import { type AgencyId, AppError, type Clock, type ConsentId, newEventId, numericDate, partyKindOf } from '#kernel';
import { CLOCK } from '#platform';
import { ActOnConsent } from '../act-on-consent/act-on-consent.handler.js';
import { KnownConsents, toldConsents } from '../choose-basis/known-consents.js';
import { ConsentStore } from '../infra/consent-store.js';
import { ExchangeStore } from '../infra/exchange-store.js';
import { ProtectedClients } from '../infra/protected-clients.js';
import { Directory } from '../look-up-directory/directory.js';
import type { ConsentDto } from '../record-consent/consent.dto.js';
import { ReportRules } from '../report-disclosures/report-rules.js';
import { SeeClient } from '../see-client/see-client.handler.js';
import { everyPseudonymOf, subjectOf } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import type { Account, AccountMatter, Contact, EmergencyLook } from './account.js';
import { type About, type AccountSession, countOther, type Person } from './account-sessions.js';
import { type Matter, mayWithdraw, readAccount } from './read-account.js';

/** As whose look it stands in the agency's own tables and, by pseudonym, in the log. */
const OWN_ACCOUNT = 'own account';
/** The hub shows an account to who was identified at most 300 s ago; the rest is for the way there. */
const SHOWN_WITHIN_S = 290;
const ended = new Set([
  'withdrawn',
  'revoked',
  'expired',
  'superseded',
  'invalidated',
  'denied',
  'lapsed',
  'cancelled',
]);

/**
 * The full account of a client who was identified strongly: everything about the person, whichever agency is concerned. The
 * hub is told by pseudonym, on this agency's signed word of whom it has identified, and logs each look.
 */
@Injectable()
export class ClientAccount {
  constructor(
    @Inject(SeeClient) private readonly clients: SeeClient,
    @Inject(ActOnConsent) private readonly acts: ActOnConsent,
    @Inject(KnownConsents) private readonly knownConsents: KnownConsents,
    @Inject(ConsentStore) private readonly consents: ConsentStore,
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(ProtectedClients) private readonly protectedClients: ProtectedClients,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(ReportRules) private readonly rules: ReportRules,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError IDENTIFICATION_TOO_OLD, DECIDER_NOT_ENTITLED, and the hub's when it is away */
  async show(agency: ServedAgency, session: AccountSession): Promise<Account> {
    return this.accountOf(agency, session, session.about);
  }

  /**
   * The account of somebody for whom the person decides. Who may not see it learns nothing, not even whether there is one.
   *
   * @throws AppError as `show`; IDENTITY_CODE_INVALID, RATE_LIMITED
   */
  async showOther(agency: ServedAgency, session: AccountSession, identityCode: string): Promise<Account> {
    countOther(session);
    const identity = { type: 'henkilotunnus', value: identityCode } as const;
    const isProtected = (await this.protectedClients.among(agency.id, [identity])).length > 0;
    const about = { ...personOf(agency, identityCode), isProtected };
    const account = await this.accountOf(agency, session, about);
    session.about = about;
    return account;
  }

  /**
   * One call, without a reason. What is not about this person, or not this agency's to withdraw, is not there.
   *
   * @throws AppError NOT_FOUND, CONFLICT (withdrawn before), and the hub's refusals
   */
  async withdraw(agency: ServedAgency, session: AccountSession, id: ConsentId): Promise<ConsentDto> {
    const { about } = session;
    const person = session.person.subject;
    const isOwn = person === about.subject;
    const known = await this.known(agency, about, id);
    if (!known || !mayWithdraw(known, agency.id, person, about.subject)) throw new AppError('NOT_FOUND');
    return this.acts.act(agency, id, {
      act: 'withdraw',
      by: isOwn ? 'subject' : 'decider',
      channel: 'electronic',
      subject: about.subject,
      ...(isOwn ? {} : { decider: person }),
    });
  }

  /** A consent about this person: as the hub tells it, or, with the hub away, as it is kept here. */
  private async known(
    agency: ServedAgency,
    { subject }: About,
    id: ConsentId,
  ): Promise<{ readonly record: ConsentRecord; readonly state: string } | undefined> {
    try {
      // To withdraw, the hub's word is enough that it is this client's (decision 0024).
      return newestOf(toldConsents(await agency.hub.consentsOf(subject)), id);
    } catch (error) {
      if (!(error instanceof AppError) || error.status < 500) throw error;
      const kept = await this.consents.find(agency.id, id);
      return kept?.subject === subject && kept.state === 'recorded'
        ? { record: kept.record, state: 'active' }
        : undefined;
    }
  }

  private async accountOf(agency: ServedAgency, session: AccountSession, about: About): Promise<Account> {
    const person = session.person.subject;
    const isOther = about.subject !== person;
    const answer = await this.askHub(agency, session, about);
    const numbers = await this.knownConsents.numbersIn(answer, about.subject);
    const read = readAccount(answer, numbers);
    const namesWithheld = isOther && (read.namesWithheld || about.isProtected);
    // What the hub does not name to this viewer, the agency still has to judge by.
    const own = namesWithheld ? toldConsents(await agency.hub.consentsOf(about.subject)) : undefined;
    const recordOf = (matter: Matter): ConsentRecord | undefined =>
      own === undefined ? matter.record : newestOf(own, matter.consentId)?.record;
    const [concerning, names] = await Promise.all([
      this.clients.concerning(agency, [...new Set([...numbers, ...about.earlier])]),
      this.directory.agencyNames(),
    ]);
    await this.exchanges.recordLooks(
      agency.id,
      concerning.asked.map(({ exchangeId }) => exchangeId),
      { system: OWN_ACCOUNT, what: 'client account', at: this.clock.now() },
    );
    const emergencyLooks = await this.emergencyLooks(agency, about.subject);
    const telephoneOf = (id: AgencyId): string => names.get(id)?.telephone ?? '';
    return {
      ...concerning,
      emergencyLooks: namesWithheld ? emergencyLooks.map(({ agency: _, ...look }) => look) : emergencyLooks,
      namesWithheld,
      isOther,
      matters: read.matters.map((matter): AccountMatter => {
        const may = mayWithdraw({ ...matter, record: recordOf(matter) }, agency.id, person, about.subject);
        const withdraw = may ? 'here' : ended.has(matter.state) ? 'nothing' : 'elsewhere';
        return namesWithheld
          ? { ...nameless(matter), withdraw, contacts: [] }
          : { ...matter, withdraw, contacts: withdraw === 'elsewhere' ? contactsOf(matter, telephoneOf) : [] };
      }),
    };
  }

  /** As in the disclosure report that the agency gives without a reason; that it is given stands in the log. */
  private async emergencyLooks(agency: ServedAgency, subject: About['subject']): Promise<EmergencyLook[]> {
    const now = this.clock.now();
    const decision = {
      eventId: newEventId(),
      agency: agency.id,
      subject,
      outcome: 'given',
      worker: agency.workerPseudonym(OWN_ACCOUNT),
      iat: numericDate(now),
    } as const;
    const given = await agency.hub.recordReport(await signStatement('report-decision', decision, agency.signingKey()));
    const from = this.rules.withoutReasonFrom(partyKindOf(agency.id), now)?.getTime() ?? 0;
    return given.emergencyLooks
      .filter(({ at }) => Date.parse(at) >= from)
      .map(({ at, agency: other, type, leafIndex }) => ({ at, agency: other, type, logIndex: leafIndex }))
      .sort((a, b) => a.logIndex - b.logIndex);
  }

  private async askHub(agency: ServedAgency, session: AccountSession, about: About): Promise<unknown> {
    const { person, identified } = session;
    const now = numericDate(this.clock.now());
    const { level, authTime, issuer, idTokenHash } = identified;
    if (now - authTime > SHOWN_WITHIN_S) throw new AppError('IDENTIFICATION_TOO_OLD');
    const statement = await signStatement(
      'account-identification',
      {
        v: 1,
        subject: about.subject,
        ...(about.subject === person.subject ? {} : { viewer: person.subject }),
        agency: agency.id,
        method: issuer,
        level,
        authTime,
        idTokenHash,
        jti: randomUUID(),
        iat: now,
      },
      agency.signingKey(),
    );
    return agency.hub.showAccount(about.subject, statement).catch((error: unknown) => {
      // That somebody was excluded would show that there is something to decide.
      if (error instanceof AppError && error.code === 'DECIDER_EXCLUDED') throw new AppError('DECIDER_NOT_ENTITLED');
      throw error;
    });
  }
}

/** By the pseudonym of now, and by those of earlier keys, under which only this agency's own tables are looked into. */
export function personOf(agency: ServedAgency, identityCode: string): Person {
  const identity = { type: 'henkilotunnus', value: identityCode } as const;
  const subject = subjectOf(agency, identity).pseudonym;
  return { subject, earlier: everyPseudonymOf(agency, identity).filter((one) => one !== subject) };
}

const newestOf = <T extends { readonly id: ConsentId; readonly version: number }>(
  consents: readonly T[],
  id: ConsentId,
): T | undefined =>
  consents
    .filter((consent) => consent.id === id)
    .sort((a, b) => a.version - b.version)
    .at(-1);

const nameless = (matter: Matter): Matter => ({
  ...matter,
  record: undefined,
  proposal: undefined,
  acts: [],
  used: matter.used.map((use) => ({ ...use, recipient: '' })),
});

/** The collecting agency first: it knows the client. */
const contactsOf = ({ record, proposal }: Matter, telephoneOf: (agency: AgencyId) => string): Contact[] => {
  const terms = record ?? proposal;
  if (!terms) return [];
  const called = record ? new Set([terms.collectingAgency, ...partiesOf(record)]) : new Set([terms.collectingAgency]);
  return [...called].map((agency) => ({ agency, telephone: telephoneOf(agency) }));
};
