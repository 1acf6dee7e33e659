import { Inject, Injectable } from '@nestjs/common';
import {
  type LogBody,
  openReleasedKey,
  type Outcome,
  readStatement,
  type Receipt,
  type VerificationKey,
  verifyReceipt,
  verifyStatement,
} from '#envelope';
import { AppError, type Clock, err, type MessageId, ok, type Result } from '#kernel';
import { CLOCK, Database, LOGGER, type Logger } from '#platform';
import { LogFollower } from '../follow-log/log-follower.js';
import { type ArrivedNotice, InboxStore } from '../infra/inbox-store.js';
import { LogStore } from '../infra/log-store.js';
import { OutboxStore, type SentMessage } from '../infra/outbox-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { WitnessedLog } from '../watch-log/witnessed-log.js';
import { ApplyOutcome } from './apply-outcome.js';
import { RestoreSent, type UnknownSent } from './restore-sent.js';
import { isAlertNotice, TakeAlertNotices } from './take-alert-notices.js';
import { isConsentNotice, OUTCOME_KEY, TakeConsentNotices } from './take-consent-notices.js';

/** Which entry a notice's receipt must prove. */
const entryOf: Readonly<Partial<Record<Outcome['type'], readonly string[]>>> = {
  accepted: ['message-accepted'],
  rejected: ['message-rejected', 'edge-refused'],
};

interface Proven {
  readonly notice: ArrivedNotice;
  readonly outcome: Outcome;
  readonly sent: SentMessage | undefined;
  /** Our own message that we do not know. */
  readonly unknown?: UnknownSent | undefined;
}

/**
 * Takes signed notices: closes outbox rows once the log's receipt is there and proves the right entry, and notes what became
 * of messages later. A notice whose signature or receipt is not right changes nothing and raises an alarm.
 */
@Injectable()
export class TakeNotices {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(OutboxStore) private readonly outbox: OutboxStore,
    @Inject(ApplyOutcome) private readonly applyOutcome: ApplyOutcome,
    @Inject(RestoreSent) private readonly restoreSent: RestoreSent,
    @Inject(TakeConsentNotices) private readonly consents: TakeConsentNotices,
    @Inject(TakeAlertNotices) private readonly alerts: TakeAlertNotices,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(WitnessedLog) private readonly witnessed: WitnessedLog,
    @Inject(LogStore) private readonly logStore: LogStore,
    @Inject(OUTCOME_KEY) private readonly outcomeKey: VerificationKey,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** One batch. Returns how many notices were done with. */
  async runOnce(agency: ServedAgency): Promise<number> {
    const arrived = await this.inbox.noticesToTake(agency.id);
    const aboutConsents = arrived.filter(isConsentNotice);
    const aboutAlerts = arrived.filter(isAlertNotice);
    const notices = arrived.filter((notice) => !aboutConsents.includes(notice) && !aboutAlerts.includes(notice));
    const refuse = (notice: ArrivedNotice, error: AppError) => this.refuse(agency, notice, error);
    const consents = await this.consents.take(agency.id, aboutConsents, refuse);
    const outcomes = await this.takeOutcomes(agency, notices);
    return consents + outcomes + (await this.alerts.take(agency, aboutAlerts, refuse));
  }

  private async takeOutcomes(agency: ServedAgency, notices: readonly ArrivedNotice[]): Promise<number> {
    if (notices.length === 0) return 0;
    const sent = await this.sentBy(agency, notices);
    const results = await Promise.all(
      notices.map(async (notice) => ({ notice, result: await this.check(agency, notice, sent) })),
    );
    const proven: Proven[] = [];
    let done = 0;
    for (const { notice, result } of results) {
      if (result.ok) proven.push(result.value);
      // What cannot be judged now, because the log cannot be read or is broken, stays for later.
      else if (result.error.status < 500 && result.error.code !== 'LOG_INCONSISTENT') {
        await this.refuse(agency, notice, result.error);
        done += 1;
      }
    }
    if (proven.length > 0) await this.take(agency, proven);
    return done + proven.length;
  }

  /** Errors: SIGNATURE_INVALID, RECEIPT_INVALID, LEAF_MISMATCH, CHECKPOINT_INVALID, LOG_INCONSISTENT, UNAVAILABLE … */
  private async check(
    agency: ServedAgency,
    notice: ArrivedNotice,
    sentById: ReadonlyMap<MessageId, SentMessage>,
  ): Promise<Result<Proven>> {
    const verified = await verifyStatement('outcome', notice.token, this.outcomeKey);
    if (!verified.ok) return verified;
    const outcome = verified.value;
    const proven = await this.prove(agency, outcome);
    if (!proven.ok) return proven;
    const sent = outcome.sender === agency.id ? sentById.get(outcome.messageId) : undefined;
    if (sent && outcome.manifestHash !== undefined && outcome.manifestHash !== sent.manifestHash)
      return err(new AppError('HASH_MISMATCH', 'the notice is about another message of that id'));
    if (sent || outcome.sender !== agency.id || !proven.value) return ok({ notice, outcome, sent });
    const unknown = await this.restoreSent.find(agency, outcome, proven.value);
    return unknown.ok ? ok({ notice, outcome, sent, unknown: unknown.value }) : unknown;
  }

  /** The agency's own messages that notices name, whether or not they are to be believed. */
  private sentBy(
    agency: ServedAgency,
    notices: readonly ArrivedNotice[],
  ): Promise<ReadonlyMap<MessageId, SentMessage>> {
    const named = notices.flatMap(({ token }) => {
      const read = readStatement('outcome', token);
      return read.ok ? [read.value.payload.messageId] : [];
    });
    return this.outbox.find(agency.id, named);
  }

  /** In the order of the mailbox, all or none: a batch that fails comes again. */
  private async take(agency: ServedAgency, proven: readonly Proven[]): Promise<void> {
    await this.database.transaction(async (client) => {
      await this.applyOutcome.apply(client, agency, proven);
      for (const { unknown } of proven) if (unknown) await this.restoreSent.restore(client, agency, unknown);
      await this.inbox.markTaken(
        client,
        agency.id,
        proven.map(({ notice }) => notice.number),
      );
    });
    for (const { outcome } of proven) {
      const { messageId, type, code } = outcome;
      this.logger.debug({ agency: agency.id, messageId, type, code }, 'notice');
    }
  }

  /** The entry of an acceptance, where the notice tells of one. */
  private async prove(agency: ServedAgency, outcome: Outcome): Promise<Result<LogBody | undefined>> {
    const types = entryOf[outcome.type];
    if (!types) return ok(undefined);
    // Without the hash any accepted message's receipt would do.
    if (outcome.type === 'accepted' && outcome.manifestHash === undefined)
      return err(new AppError('RECEIPT_INVALID', 'the notice names no message'));
    if (!outcome.receipt) return err(new AppError('RECEIPT_INVALID', 'the notice has no receipt'));
    const opening = await this.open(agency, outcome.receipt);
    if (!opening.ok) return opening;
    const keys = await this.log.keysFor(outcome.receipt.checkpoint);
    if (!keys.ok) return keys;
    const verified = verifyReceipt({
      receipt: outcome.receipt,
      opening: opening.value,
      logVerifier: keys.value,
      expected: outcome.manifestHash === undefined ? {} : { manifestHash: outcome.manifestHash },
    });
    if (!verified.ok) return verified;
    const { body, checkpoint } = verified.value;
    const fits = types.includes(body.type) && (body.messageId === undefined || body.messageId === outcome.messageId);
    if (!fits) return err(new AppError('LEAF_MISMATCH', undefined, { field: 'type' }));
    try {
      const accepted = await this.log.accept(checkpoint);
      if (accepted.ok) this.witnessed.notice(checkpoint);
      return accepted.ok ? ok(outcome.type === 'accepted' ? body : undefined) : accepted;
    } catch (error) {
      if (error instanceof AppError) return err(error);
      throw error;
    }
  }

  /** Sealed to the receiving key that was current when it was logged: any of the vault's may be it. */
  private async open(agency: ServedAgency, receipt: Receipt) {
    const keys = agency.vault.list().filter(({ purpose }) => purpose === 'receiving');
    for (const { kid } of [...keys].reverse()) {
      const key = kid === undefined ? undefined : agency.receivingKey(kid);
      if (!key?.ok || receipt.opening === undefined) continue;
      const opened = await openReleasedKey(receipt.opening, key.value);
      if (opened.ok || opened.error.code !== 'RECIPIENT_KEY_UNKNOWN') return opened;
    }
    return err(new AppError('RECEIPT_INVALID', 'the receipt is sealed to no key of this agency'));
  }

  private async refuse(agency: ServedAgency, notice: ArrivedNotice, error: AppError): Promise<void> {
    const read = readStatement('outcome', notice.token);
    const about = read.ok ? `message ${read.value.payload.messageId}` : `mailbox item ${notice.number}`;
    const detail = `a notice about ${about} is not right`;
    await this.logStore.raise({ agency: agency.id, code: error.code, detail }, this.clock.now());
    await this.inbox.markNoticeRefused(agency.id, notice.number, error.code);
    this.logger.error({ alarm: error.code, agency: agency.id, number: notice.number }, 'notice refused');
  }
}
