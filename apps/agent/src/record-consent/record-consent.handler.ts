import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type ConsentRecord, type Decider, disclosersOf, grantEach, recipientsOf, signStatement } from '#envelope';
import { AppError, type Clock, type ConsentId, newConsentId, numericDate, type Sha256 } from '#kernel';
import { CLOCK } from '#platform';
import { knownConsents } from '../choose-basis/known-consents.js';
import { ConsentStore, type KeptConsent } from '../infra/consent-store.js';
import { type ClientIdentity, subjectOf } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import type { ConsentDto, ConsentsDto, RecordConsentDto, WithdrawDto } from './consent.dto.js';
import { isPassing, PostConsents } from './post-consents.js';

const MOST_LISTED = 200;

/** Records, withdraws and shows consents. What is signed is stored before it is posted. */
@Injectable()
export class RecordConsent {
  constructor(
    @Inject(ConsentStore) private readonly consents: ConsentStore,
    @Inject(PostConsents) private readonly post: PostConsents,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Signs and posts. With the hub away the record is kept as `signed` and posted later.
   *
   * @throws AppError IDENTITY_CODE_INVALID, PSEUDONYM_KEY_MISSING, NOT_FOUND (next version of an unknown one), CONSENT_INVALID
   */
  async record(agency: ServedAgency, wish: RecordConsentDto): Promise<ConsentDto> {
    const earlier = wish.consentId === undefined ? undefined : await this.own(agency, wish.consentId as ConsentId);
    const salt = wish.evidence === undefined ? undefined : randomBytes(16).toString('base64url');
    const record = this.recordOf(agency, wish, earlier, salt);
    const token = await signStatement('consent', record, agency.signingKey()).catch((cause: unknown) => {
      if (cause instanceof TypeError) throw new AppError('CONSENT_INVALID', cause.message);
      throw cause;
    });
    await this.consents.add(agency.id, { record, token, evidenceSalt: salt, at: this.clock.now() });
    const posted = await this.post.record(agency, record.id, record.version, token);
    if (!posted.ok && !isPassing(posted.error)) throw posted.error;
    return shown(await this.own(agency, record.id));
  }

  /**
   * The person's word, told by this agency. Answered once it holds; with the hub away it is kept and told as `withdrawing`.
   *
   * @throws AppError NOT_FOUND, CONSENT_WITHDRAWN …
   */
  async withdraw(agency: ServedAgency, id: ConsentId, { officer, client }: WithdrawDto): Promise<ConsentDto> {
    const own = await this.consents.find(agency.id, id);
    const consent = own ?? (await this.anothers(agency, id, client));
    if (consent.state === 'withdrawn') throw new AppError('CONFLICT', 'it is withdrawn already');
    const withdrawal = await signStatement(
      'consent-act',
      {
        v: 1,
        consentId: id,
        version: consent.version,
        act: 'withdraw',
        by: 'subject',
        channel: 'in-person',
        agency: agency.id,
        worker: agency.workerPseudonym(officer.name),
        jti: randomUUID(),
        iat: numericDate(this.clock.now()),
      },
      agency.signingKey(),
    );
    await this.consents.keepWithdrawal(agency.id, id, consent.version, withdrawal);
    const posted = await this.post.withdraw(agency, id, consent.version, withdrawal);
    if (!posted.ok && !isPassing(posted.error)) throw posted.error;
    return shown(await this.own(agency, id));
  }

  async list(agency: ServedAgency): Promise<ConsentsDto> {
    return { consents: (await this.consents.list(agency.id, undefined, MOST_LISTED)).map(shown) };
  }

  /** About one person: those collected here, and those in which the hub knows this agency as a party. */
  async find(agency: ServedAgency, client: ClientIdentity): Promise<ConsentsDto> {
    const subject = subjectOf(agency, client).pseudonym;
    const own = (await this.consents.list(agency.id, subject, MOST_LISTED)).map(shown);
    const others = knownConsents(await agency.hub.consentsOf(subject))
      .filter(({ id, version }) => !own.some((one) => one.consentId === id && one.version === version))
      .map(({ id, version, state, record }) => ({ ...factsOf(record), consentId: id, version, state }));
    return { consents: [...own, ...others] };
  }

  private recordOf(
    agency: ServedAgency,
    wish: RecordConsentDto,
    earlier: KeptConsent | undefined,
    salt: string | undefined,
  ): ConsentRecord {
    const now = this.clock.now();
    return {
      v: 1,
      id: earlier?.id ?? newConsentId(),
      version: (earlier?.version ?? 0) + 1,
      subject: subjectOf(agency, wish.client).pseudonym,
      standing: 'adult',
      deciders: [deciderOf(agency, wish)],
      collectingAgency: agency.id,
      grants: grantEach(wish.categories, {
        disclosers: wish.disclosers,
        recipients: wish.requesters ?? [agency.id],
      }),
      purposes: wish.purposes,
      ...(wish.dataPeriod === undefined ? {} : { dataPeriod: { ...wish.dataPeriod } }),
      uses: usesOf(wish),
      validFrom: new Date(wish.validFrom ?? now).toISOString(),
      validUntil: new Date(wish.validUntil).toISOString(),
      method: wish.method,
      interpreter: wish.interpreter,
      language: wish.language,
      noticeVersion: wish.noticeVersion,
      ...(wish.evidence === undefined || salt === undefined ? {} : { evidenceHash: saltedHash(wish.evidence, salt) }),
      collectedAt: now.toISOString(),
    };
  }

  private async own(agency: ServedAgency, id: ConsentId): Promise<KeptConsent> {
    const consent = await this.consents.find(agency.id, id);
    if (!consent) throw new AppError('NOT_FOUND');
    return consent;
  }

  /** A consent that another agency collected and of which this one is a party: kept here from now on. */
  private async anothers(
    agency: ServedAgency,
    id: ConsentId,
    client: ClientIdentity | undefined,
  ): Promise<KeptConsent> {
    if (!client) throw new AppError('NOT_FOUND', 'name the client for a consent that another agency collected');
    const known = knownConsents(await agency.hub.consentsOf(subjectOf(agency, client).pseudonym))
      .filter((consent) => consent.id === id)
      .sort((a, b) => a.version - b.version)
      .at(-1);
    if (!known) throw new AppError('NOT_FOUND');
    await this.consents.add(agency.id, {
      record: known.record,
      token: known.token,
      evidenceSalt: undefined,
      at: this.clock.now(),
    });
    await this.consents.mark(agency.id, id, known.version, 'recorded');
    return this.own(agency, id);
  }
}

function deciderOf(agency: ServedAgency, { decidedBy }: RecordConsentDto): Decider {
  if (!decidedBy) return { role: 'self' };
  const { role, person, reference, verifiedAt } = decidedBy;
  return {
    role,
    ...(person === undefined ? {} : { pseudonym: subjectOf(agency, person).pseudonym }),
    ...(reference === undefined ? {} : { reference }),
    ...(verifiedAt === undefined ? {} : { verifiedAt: new Date(verifiedAt).toISOString() }),
  };
}

function usesOf({ uses, method }: RecordConsentDto): ConsentRecord['uses'] {
  // A consent by word of mouth is for one contact.
  if (uses?.kind === 'once' || (!uses && method === 'oral-once')) return { kind: 'once' };
  return uses?.max === undefined ? { kind: 'repeated' } : { kind: 'repeated', max: uses.max };
}

const saltedHash = (evidence: string, salt: string): Sha256 =>
  createHash('sha256').update(`${salt}\0${evidence}`, 'utf8').digest('base64url') as Sha256;

const factsOf = ({ grants, purposes, validFrom, validUntil }: ConsentRecord) => ({
  categories: grants.map(({ category }) => category),
  purposes,
  requesters: recipientsOf(grants),
  disclosers: disclosersOf(grants),
  validFrom,
  validUntil,
});

const shown = ({ id, version, state, code, record, effectiveAt }: KeptConsent): ConsentDto => ({
  ...factsOf(record),
  consentId: id,
  version,
  state,
  ...(code === null ? {} : { code }),
  ...(effectiveAt === null ? {} : { effectiveAt: effectiveAt.toISOString() }),
});
