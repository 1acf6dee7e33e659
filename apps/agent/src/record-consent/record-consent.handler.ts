import { Inject, Injectable } from '@nestjs/common';
import { dayInHelsinki, startOfDay } from '#calendar';
import { type ConsentRecord, grantEach, joinedWith } from '#envelope';
import { AppError, type Clock, type ConsentId, newConsentId } from '#kernel';
import { CLOCK, Database } from '#platform';
import { KnownConsents } from '../choose-basis/known-consents.js';
import { evidenceHash, evidenceText, newSalt } from '../domain/consent-evidence.js';
import { whatTheLawGives } from '../domain/what-the-law-gives.js';
import { ConsentStore, type KeptConsent } from '../infra/consent-store.js';
import { LinkStore } from '../infra/link-store.js';
import { ProposalStore } from '../infra/proposal-store.js';
import { Directory } from '../look-up-directory/directory.js';
import { type ClientIdentity, subjectOf } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { TellStatements } from '../tell-consents/tell-statements.js';
import type { ConsentDto, ConsentsDto, RecordConsentDto, UsesDto } from './consent.dto.js';
import { whoDecides, type WhoDecides } from './name-deciders.js';
import { shownConsent, shownRecord } from './show-consent.js';

const MOST_LISTED = 200;

/** Records and shows consents that were collected without a proposal. What is signed is stored before it is posted. */
@Injectable()
export class RecordConsent {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ConsentStore) private readonly consents: ConsentStore,
    @Inject(LinkStore) private readonly links: LinkStore,
    @Inject(KnownConsents) private readonly known: KnownConsents,
    @Inject(ProposalStore) private readonly proposals: ProposalStore,
    @Inject(TellStatements) private readonly statements: TellStatements,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Signs and posts. With the hub away the record is kept as `signed` and posted later.
   *
   * @throws AppError IDENTITY_CODE_INVALID, PSEUDONYM_KEY_MISSING, NOT_FOUND (next version of an unknown one), CONSENT_INVALID,
   * and as `whoDecides`
   */
  async record(agency: ServedAgency, wish: RecordConsentDto): Promise<ConsentDto> {
    const earlier = wish.consentId === undefined ? undefined : await this.own(agency, wish.consentId as ConsentId);
    const at = this.clock.now();
    const subject = subjectOf(agency, wish.client).pseudonym;
    const numbers = await this.links.numbersOf(agency.id, subject);
    const deciding = whoDecides(agency, wish, await this.proposals.excluded(agency.id, numbers), at);
    const evidence = evidenceOf(wish, at);
    const record = { ...recordOf(agency, wish, deciding, earlier, at), subject };
    if (evidence) record.evidenceHash = evidenceHash(evidence.text, evidence.salt);
    const token = await this.statements.sign(agency, 'consent', record);
    const seq = await this.database.transaction(async (client) => {
      await this.consents.add(client, agency.id, {
        record,
        token,
        state: 'signed',
        client: wish.client,
        deciders: deciding.deciders.map(({ named }) => named),
        ...(wish.officer === undefined ? {} : { officer: wish.officer }),
        ...(evidence === undefined ? {} : { evidence }),
        at,
      });
      const { id: consentId, version } = record;
      return this.statements.keep(client, agency, { kind: 'consent', consentId, version, token });
    });
    await this.statements.tellNow(agency, seq);
    const { catalogue } = await this.directory.catalogue();
    const warnings = whatTheLawGives(catalogue, record.grants, record.purposes, dayInHelsinki(at));
    return { ...shownConsent(await this.own(agency, record.id)), warnings };
  }

  async list(agency: ServedAgency): Promise<ConsentsDto> {
    return { consents: (await this.consents.list(agency.id, undefined, MOST_LISTED)).map(shownConsent) };
  }

  /** About one person, under every number: those collected here, and those in which the hub knows this agency as a party. */
  async find(agency: ServedAgency, client: ClientIdentity): Promise<ConsentsDto> {
    const subject = subjectOf(agency, client).pseudonym;
    const { consents, links } = await this.known.about(agency, subject);
    const numbers = [...joinedWith(subject, links)];
    const own = (await this.consents.list(agency.id, numbers, MOST_LISTED)).map(shownConsent);
    const others = consents
      .filter(({ id, version }) => !own.some((one) => one.consentId === id && one.version === version))
      .map(shownRecord);
    return { consents: [...own, ...others] };
  }

  private async own(agency: ServedAgency, id: ConsentId): Promise<KeptConsent> {
    const consent = await this.consents.find(agency.id, id);
    if (!consent) throw new AppError('NOT_FOUND');
    return consent;
  }
}

function recordOf(
  agency: ServedAgency,
  wish: RecordConsentDto,
  { standing, until, deciders, custody }: WhoDecides,
  earlier: KeptConsent | undefined,
  now: Date,
): Omit<ConsentRecord, 'subject'> {
  return {
    v: 1,
    id: earlier?.id ?? newConsentId(),
    version: (earlier?.version ?? 0) + 1,
    standing,
    deciders: deciders.map(({ decider }) => decider),
    ...(custody === undefined ? {} : { custody }),
    collectingAgency: agency.id,
    grants: grantEach(wish.categories, {
      disclosers: wish.disclosers,
      recipients: wish.requesters ?? [agency.id],
    }),
    purposes: wish.purposes,
    ...(wish.dataPeriod === undefined ? {} : { dataPeriod: { ...wish.dataPeriod } }),
    // A consent by word of mouth is for one contact.
    uses: usesOf(wish.uses ?? { kind: wish.method === 'oral-once' ? 'once' : 'repeated' }),
    validFrom: new Date(wish.validFrom ?? now).toISOString(),
    validUntil: endOf(wish.validUntil, until),
    method: wish.method,
    interpreter: wish.interpreter,
    language: wish.language,
    noticeVersion: wish.noticeVersion,
    collectedAt: now.toISOString(),
  };
}

/** The wished end, or the birthday on which others come to decide. */
export const endOf = (validUntil: string, birthday: string | undefined): string => {
  const wished = new Date(validUntil);
  const latest = birthday === undefined ? wished : startOfDay(birthday);
  return (wished < latest ? wished : latest).toISOString();
};

export function usesOf({ kind, max, frequency }: UsesDto): ConsentRecord['uses'] {
  if (kind === 'once') return { kind };
  return {
    kind,
    ...(max === undefined ? {} : { max }),
    ...(frequency === undefined ? {} : { frequency: { ...frequency } }),
  };
}

function evidenceOf(
  { evidence, method, language }: RecordConsentDto,
  at: Date,
): { text: string; salt: string } | undefined {
  if (evidence === undefined) return undefined;
  const text = evidenceText({ shows: evidence, method, language, collectedAt: at.toISOString() });
  return { text, salt: newSalt() };
}
