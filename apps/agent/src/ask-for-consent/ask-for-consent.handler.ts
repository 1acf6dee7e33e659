import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { addDays, addMonths, dayInHelsinki, endOfDay } from '#calendar';
import {
  type ConsentAct,
  type ConsentProposal,
  type ConsentRecord,
  type Grant,
  judgeDeciders,
  statementHash,
} from '#envelope';
import { AppError, type Clock, type ConsentId, newConsentId, numericDate } from '#kernel';
import { CLOCK, Database } from '#platform';
import { agreedByAll, grantsAgreed, questionsOf } from '../domain/consent-answer.js';
import { evidenceHash, evidenceText, newSalt } from '../domain/consent-evidence.js';
import { disclosuresOf, mayBeAskedFor, whatTheLawGives } from '../domain/what-the-law-gives.js';
import type { ClientDto } from '../describe-api/shared.dto.js';
import { type Notice, Notices } from '../give-notice/notices.js';
import { ConsentStore } from '../infra/consent-store.js';
import { LinkStore } from '../infra/link-store.js';
import { type KeptProposal, ProposalStore } from '../infra/proposal-store.js';
import { Directory } from '../look-up-directory/directory.js';
import { whoDecides } from '../record-consent/name-deciders.js';
import { endOf, usesOf } from '../record-consent/record-consent.handler.js';
import { shownConsent } from '../record-consent/show-consent.js';
import { everyPseudonymOf, subjectOf } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { TellStatements } from '../tell-consents/tell-statements.js';
import type {
  AnsweredProposalDto,
  AnswerProposalDto,
  CancelProposalDto,
  NoticeSummaryDto,
  ProposalDto,
  ProposalsDto,
  ProposeConsentDto,
} from './proposal.dto.js';

const LONGEST_MONTHS = 12;
const ANSWER_WITHIN_DAYS = 30;
const MOST_LISTED = 200;

/** Asks clients to agree, and takes their answers: a yes or a no for each category and recipient, never a default. */
@Injectable()
export class AskForConsent {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ProposalStore) private readonly proposals: ProposalStore,
    @Inject(ConsentStore) private readonly consents: ConsentStore,
    @Inject(LinkStore) private readonly links: LinkStore,
    @Inject(TellStatements) private readonly statements: TellStatements,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(Notices) private readonly notices: Notices,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Signs a proposal and tells the hub. What the law gives already is told as a warning.
   *
   * @throws AppError CONSENT_NEEDLESS (the law gives all of it), CONSENT_INVALID, CATEGORY_UNKNOWN, CATEGORY_NOT_HELD,
   * PURPOSE_UNKNOWN, NOTICE_UNKNOWN, and as `whoDecides`
   */
  async propose(agency: ServedAgency, wish: ProposeConsentDto): Promise<ProposalDto> {
    const now = this.clock.now();
    const today = dayInHelsinki(now);
    const notice = this.notices.inForce(wish.language, today);
    const { catalogue } = await this.directory.catalogue();
    const wanted = wantedGrants(wish);
    const allowed = mayBeAskedFor(catalogue, wanted, wish.purposes, today);
    if (!allowed.ok) throw allowed.error;
    const warnings = whatTheLawGives(catalogue, wanted, wish.purposes, today);
    if (warnings.length === disclosuresOf(wanted).length) {
      const provisions = [...new Set(warnings.map(({ provision }) => provision))];
      throw new AppError('CONSENT_NEEDLESS', undefined, { provisions });
    }
    const subject = subjectOf(agency, wish.client).pseudonym;
    const numbers = await this.links.numbersOf(agency.id, subject);
    const deciding = whoDecides(agency, wish, await this.proposals.excluded(agency.id, numbers), now);
    const proposal: ConsentProposal = {
      v: 1,
      id: newConsentId(),
      subject,
      standing: deciding.standing,
      collectingAgency: agency.id,
      wanted,
      purposes: wish.purposes,
      ...(wish.dataPeriod === undefined ? {} : { dataPeriod: { ...wish.dataPeriod } }),
      uses: usesOf(wish.uses),
      validUntil: endOf(wish.validUntil, deciding.until),
      ...(wish.untilPlanEnds === undefined ? {} : { untilPlanEnds: wish.untilPlanEnds }),
      language: notice.language,
      noticeVersion: notice.version,
      lapsesAt: lapseOf(wish, deciding.until, now),
      createdAt: now.toISOString(),
    };
    if (new Date(proposal.validUntil) <= now) throw new AppError('CONSENT_INVALID', 'validUntil has passed');
    if (dayInHelsinki(new Date(proposal.validUntil)) > addMonths(today, LONGEST_MONTHS))
      throw new AppError('CONSENT_INVALID', 'a consent lasts at most twelve months');
    const token = await this.statements.sign(agency, 'consent-proposal', proposal);
    const seq = await this.database.transaction(async (client) => {
      await this.proposals.add(client, agency.id, {
        id: proposal.id,
        proposal,
        statementHash: statementHash(token),
        client: wish.client,
        deciders: deciding.deciders,
        custody: deciding.custody ?? null,
        officer: wish.officer,
        warnings,
        createdAt: now,
      });
      return this.statements.keep(client, agency, {
        kind: 'consent-proposal',
        consentId: proposal.id,
        version: 0,
        token,
      });
    });
    await this.statements.tellNow(agency, seq);
    return this.show(agency, proposal.id);
  }

  /**
   * Takes the client's answer, once. Everything refused is a denial; else a record of what was agreed to, which names the
   * proposal that it answers. Who decide together answer at once or one after the other: until the last one has, nothing
   * holds, and one who refuses everything denies for all.
   *
   * @throws AppError NOT_FOUND, CONFLICT (answered or taken back before), CONSENT_PROPOSAL_LAPSED, CONSENT_ANSWER_MISSING,
   * CONSENT_INVALID (by word of mouth for more than one contact, without a witness, or in another way than the other),
   * DECIDER_NOT_ENTITLED (who answers does not decide), and as `judgeDeciders`
   */
  async answer(agency: ServedAgency, id: ConsentId, given: AnswerProposalDto): Promise<AnsweredProposalDto> {
    const kept = await this.open(agency, id);
    const now = this.clock.now();
    const { proposal, deciders } = kept;
    const agreed = grantsAgreed(proposal.wanted, given.answers);
    if (!agreed.ok) throw agreed.error;
    if (given.method === 'oral-once' && proposal.uses.kind !== 'once')
      throw new AppError('CONSENT_INVALID', 'a consent by word of mouth is for one contact');
    if (given.method === 'oral-once' && given.witness === undefined)
      throw new AppError('CONSENT_INVALID', 'a consent by word of mouth needs a witness');
    const judged = judgeDeciders(
      {
        subject: proposal.subject,
        standing: proposal.standing,
        deciders: deciders.map(({ decider }) => decider),
        ...(kept.custody === null ? {} : { custody: kept.custody }),
      },
      await this.proposals.excluded(agency.id, await this.links.numbersOf(agency.id, proposal.subject)),
      now,
    );
    if (!judged.ok) throw judged.error;
    if (agreed.value.length === 0) return this.deny(agency, kept, given, now);
    return given.decider
      ? this.answerOne(agency, kept, given, given.decider, now)
      : this.record(agency, kept, agreed.value, given, now);
  }

  /** One of several who decide together: the last one's answer makes the record, of what all have said yes to. */
  private async answerOne(
    agency: ServedAgency,
    kept: KeptProposal,
    given: AnswerProposalDto,
    who: ClientDto,
    now: Date,
  ): Promise<AnsweredProposalDto> {
    const place = placeOf(agency, kept, who);
    const answers = await this.database.transaction((client) =>
      this.proposals.keepAnswer(client, agency.id, kept.id, place, given, now),
    );
    if (!answers) throw new AppError('CONFLICT', 'the proposal was answered meanwhile');
    if (answers.size < kept.deciders.length) return { state: 'waiting' };
    const each = [...answers.values()] as AnswerProposalDto[];
    if (each.some(({ method }) => method !== given.method))
      throw new AppError('CONSENT_INVALID', 'all who decide answer in the same way: the record states one');
    const agreed = grantsAgreed(kept.proposal.wanted, agreedByAll(each.map((one) => one.answers)));
    if (!agreed.ok) throw agreed.error;
    if (agreed.value.length === 0) return this.deny(agency, kept, given, now);
    const interpreter = each.find((one) => one.interpreter)?.interpreter;
    const together = {
      ...given,
      evidence: each.map(({ evidence, officer }) => `${evidence} (${officer.name})`).join('; '),
      ...(interpreter && { interpreter }),
    };
    return this.record(agency, kept, agreed.value, together, now);
  }

  /** The agency takes its question back. @throws AppError NOT_FOUND, CONFLICT */
  async cancel(agency: ServedAgency, id: ConsentId, { officer }: CancelProposalDto): Promise<ProposalDto> {
    const kept = await this.open(agency, id);
    await this.close(agency, kept, 'cancelled', {
      act: 'cancel',
      by: 'authority',
      channel: 'electronic',
      worker: agency.workerPseudonym(officer.name),
    });
    return this.show(agency, id);
  }

  /** @throws AppError NOT_FOUND */
  async show(agency: ServedAgency, id: ConsentId): Promise<ProposalDto> {
    return this.shown(await this.find(agency, id));
  }

  async list(agency: ServedAgency): Promise<ProposalsDto> {
    const found = await this.proposals.list(agency.id, undefined, MOST_LISTED);
    return { proposals: found.map((kept) => this.shown(kept)) };
  }

  /** @throws AppError NOT_FOUND */
  async find(agency: ServedAgency, id: ConsentId): Promise<KeptProposal> {
    const kept = await this.proposals.find(agency.id, id);
    if (!kept) throw new AppError('NOT_FOUND');
    return kept;
  }

  private async open(agency: ServedAgency, id: ConsentId): Promise<KeptProposal> {
    const kept = await this.find(agency, id);
    if (kept.state !== 'open') throw new AppError('CONFLICT', `the proposal is ${kept.state}`);
    if (new Date(kept.proposal.lapsesAt) <= this.clock.now()) throw new AppError('CONSENT_PROPOSAL_LAPSED');
    return kept;
  }

  private async deny(
    agency: ServedAgency,
    kept: KeptProposal,
    { method, officer, decider: who }: AnswerProposalDto,
    now: Date,
  ): Promise<AnsweredProposalDto> {
    const deciding = who ? [kept.deciders[placeOf(agency, kept, who)]].flatMap((one) => one ?? []) : kept.deciders;
    const decider = deciding.find(({ decider: { pseudonym } }) => pseudonym !== undefined)?.decider.pseudonym;
    const bySelf = deciding.some(({ decider: { role } }) => role === 'self');
    await this.close(
      agency,
      kept,
      'denied',
      {
        act: 'deny',
        by: bySelf ? 'subject' : 'decider',
        ...(bySelf || decider === undefined ? {} : { decider }),
        channel: ({ 'oral-once': 'in-person', written: 'letter', electronic: 'electronic' } as const)[method],
        worker: agency.workerPseudonym(officer.name),
      },
      now,
    );
    return { state: 'denied' };
  }

  private async close(
    agency: ServedAgency,
    { id }: KeptProposal,
    state: 'denied' | 'cancelled',
    act: Pick<ConsentAct, 'act' | 'by' | 'channel' | 'worker'> & Partial<ConsentAct>,
    now: Date = this.clock.now(),
  ): Promise<void> {
    const payload: ConsentAct = {
      v: 1,
      consentId: id,
      version: 0,
      agency: agency.id,
      jti: randomUUID(),
      iat: numericDate(now),
      ...act,
    };
    const token = await this.statements.sign(agency, 'consent-act', payload);
    const seq = await this.database.transaction(async (client) => {
      if (!(await this.proposals.close(client, agency.id, id, state)))
        throw new AppError('CONFLICT', 'the proposal was answered meanwhile');
      return this.statements.keep(client, agency, {
        kind: 'consent-act',
        consentId: id,
        version: 0,
        act: payload.act,
        token,
      });
    });
    await this.statements.tellNow(agency, seq);
  }

  private async record(
    agency: ServedAgency,
    { id, proposal, statementHash: proposed, deciders, custody, client: whom, officer }: KeptProposal,
    grants: Grant[],
    given: AnswerProposalDto,
    at: Date,
  ): Promise<AnsweredProposalDto> {
    const evidence = {
      text: evidenceText({
        shows: given.evidence,
        method: given.method,
        language: proposal.language,
        collectedAt: at.toISOString(),
        ...(given.interpreter === undefined ? {} : { interpreter: given.interpreter.name }),
        ...(given.witness === undefined ? {} : { witness: { ...given.witness } }),
      }),
      salt: newSalt(),
    };
    const { v, subject, standing, collectingAgency, purposes, dataPeriod, uses, validUntil, untilPlanEnds } = proposal;
    const record: ConsentRecord = {
      v,
      id,
      version: 1,
      proposal: proposed,
      subject,
      standing,
      deciders: deciders.map(({ decider }) => decider),
      ...(custody === null ? {} : { custody }),
      collectingAgency,
      grants,
      purposes,
      ...(dataPeriod === undefined ? {} : { dataPeriod }),
      uses,
      validFrom: at.toISOString(),
      validUntil,
      ...(untilPlanEnds === undefined ? {} : { untilPlanEnds }),
      method: given.method,
      interpreter: given.interpreter !== undefined,
      ...(given.witness === undefined ? {} : { witness: agency.workerPseudonym(given.witness.name) }),
      language: proposal.language,
      noticeVersion: proposal.noticeVersion,
      evidenceHash: evidenceHash(evidence.text, evidence.salt),
      collectedAt: at.toISOString(),
    };
    const token = await this.statements.sign(agency, 'consent', record);
    const seq = await this.database.transaction(async (client) => {
      if (!(await this.proposals.close(client, agency.id, id, 'answered')))
        throw new AppError('CONFLICT', 'the proposal was answered meanwhile');
      await this.consents.add(client, agency.id, {
        record,
        token,
        state: 'signed',
        client: whom,
        deciders: deciders.map(({ named }) => named),
        officer,
        evidence,
        at,
      });
      return this.statements.keep(client, agency, { kind: 'consent', consentId: id, version: 1, token });
    });
    await this.statements.tellNow(agency, seq);
    const consent = await this.consents.find(agency.id, id);
    if (!consent) throw new Error('a consent that was not kept');
    return { state: 'answered', consent: shownConsent(consent) };
  }

  private shown({ id, proposal, statementHash: hash, state, code, warnings }: KeptProposal): ProposalDto {
    const lapsed = state === 'open' && new Date(proposal.lapsesAt) <= this.clock.now();
    return {
      consentId: id,
      statementHash: hash,
      state: lapsed ? 'lapsed' : state,
      ...(code === null ? {} : { code }),
      questions: questionsOf(proposal.wanted),
      warnings: [...warnings],
      purposes: proposal.purposes,
      validUntil: proposal.validUntil,
      lapsesAt: proposal.lapsesAt,
      notice: noticeSummary(this.notices.get(proposal.language, proposal.noticeVersion)),
    };
  }
}

export const noticeSummary = ({ version, language, name, direction, checked }: Notice): NoticeSummaryDto => ({
  version,
  language,
  name,
  direction,
  checked,
});

/** Whose answer it is, of who decides. @throws AppError IDENTITY_CODE_INVALID, DECIDER_NOT_ENTITLED */
function placeOf(agency: ServedAgency, { proposal, deciders }: KeptProposal, who: ClientDto): number {
  const names = everyPseudonymOf(agency, who);
  const place = deciders.findIndex(({ decider: { pseudonym = proposal.subject } }) => names.includes(pseudonym));
  if (place < 0) throw new AppError('DECIDER_NOT_ENTITLED', 'nobody of that name decides here');
  return place;
}

const wantedGrants = ({ wanted }: ProposeConsentDto): Grant[] =>
  [...wanted]
    .sort((a, b) => a.category - b.category)
    .map(({ category, disclosers, recipients }) => ({ category, disclosers, recipients }));

/** A question does not outlive what it asks for, nor a birthday on which others come to decide. */
function lapseOf({ answerBy, validUntil }: ProposeConsentDto, birthday: string | undefined, now: Date): string {
  const wished = answerBy ?? endOfDay(addDays(dayInHelsinki(now), ANSWER_WITHIN_DAYS)).toISOString();
  return [endOf(wished, birthday), endOf(validUntil, birthday)].sort()[0] ?? wished;
}
