import { Inject, Injectable } from '@nestjs/common';
import {
  kindRules,
  openReleasedKey,
  type Outcome,
  readStatement,
  type Receipt,
  type VerificationKey,
  verifyReceipt,
  verifyStatement,
} from '#envelope';
import { AppError, type Clock, err, ok, type Result } from '#kernel';
import { CLOCK, Database, LOGGER, type Logger, type Queryable } from '#platform';
import { LogFollower } from '../follow-log/log-follower.js';
import { type ExchangeState, ExchangeStore } from '../infra/exchange-store.js';
import { type ArrivedNotice, InboxStore } from '../infra/inbox-store.js';
import { LogStore } from '../infra/log-store.js';
import { OutboxStore, type SentMessage } from '../infra/outbox-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

/** The pinned key of exchange's outcomes. */
export const OUTCOME_KEY = Symbol('OutcomeKey');

/** Which entry a notice's receipt must prove. */
const entryOf: Readonly<Partial<Record<Outcome['type'], readonly string[]>>> = {
  accepted: ['message-accepted'],
  rejected: ['message-rejected', 'edge-refused'],
};

const stateOf: Readonly<Partial<Record<Outcome['type'], ExchangeState>>> = {
  rejected: 'rejected',
  expired: 'expired',
  withdrawn: 'withdrawn',
  undeliverable: 'undeliverable',
  discarded: 'discarded',
};

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
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(LogStore) private readonly logStore: LogStore,
    @Inject(OUTCOME_KEY) private readonly outcomeKey: VerificationKey,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** One batch. Returns how many notices were done with. */
  async runOnce(agency: ServedAgency): Promise<number> {
    let done = 0;
    for (const notice of await this.inbox.noticesToTake(agency.id)) {
      const taken = await this.take(agency, notice);
      if (taken.ok) done += 1;
      else if (taken.error.status < 500 && taken.error.code !== 'LOG_INCONSISTENT') {
        await this.refuse(agency, notice, taken.error);
        done += 1;
      } else return done;
    }
    return done;
  }

  /** Errors: SIGNATURE_INVALID, RECEIPT_INVALID, LEAF_MISMATCH, CHECKPOINT_INVALID, LOG_INCONSISTENT, UNAVAILABLE … */
  private async take(agency: ServedAgency, notice: ArrivedNotice): Promise<Result<void>> {
    const outcome = await verifyStatement('outcome', notice.token, this.outcomeKey);
    if (!outcome.ok) return outcome;
    const proven = await this.prove(agency, outcome.value);
    if (!proven.ok) return proven;
    const sent =
      outcome.value.sender === agency.id ? await this.outbox.find(agency.id, outcome.value.messageId) : undefined;
    if (sent && outcome.value.manifestHash !== undefined && outcome.value.manifestHash !== sent.manifestHash)
      return err(new AppError('HASH_MISMATCH', 'the notice is about another message of that id'));
    await this.database.transaction(async (client) => {
      await this.apply(client, agency, outcome.value, sent);
      await this.inbox.markNotice(client, agency.id, notice.number, 'taken');
    });
    return ok(undefined);
  }

  private async prove(agency: ServedAgency, outcome: Outcome): Promise<Result<void>> {
    const types = entryOf[outcome.type];
    if (!types) return ok(undefined);
    if (!outcome.receipt) return err(new AppError('RECEIPT_INVALID', 'the notice has no receipt'));
    const opening = await this.open(agency, outcome.receipt);
    if (!opening.ok) return opening;
    const verified = verifyReceipt({
      receipt: outcome.receipt,
      opening: opening.value,
      logVerifier: this.log.verifier,
      expected: outcome.manifestHash === undefined ? {} : { manifestHash: outcome.manifestHash },
    });
    if (!verified.ok) return verified;
    const { body, checkpoint } = verified.value;
    const fits = types.includes(body.type) && (body.messageId === undefined || body.messageId === outcome.messageId);
    if (!fits) return err(new AppError('LEAF_MISMATCH', undefined, { field: 'type' }));
    try {
      return await this.log.accept(checkpoint);
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

  private async apply(
    client: Queryable,
    agency: ServedAgency,
    outcome: Outcome,
    sent: SentMessage | undefined,
  ): Promise<void> {
    const { type, exchangeId, messageId, code, detail, receipt, sender } = outcome;
    const at = this.clock.now();
    if (type === 'accepted' || type === 'rejected') {
      await this.outbox.close(client, agency.id, messageId, {
        state: type,
        leafIndex: receipt?.leafIndex ?? 0,
        ...(code === undefined ? {} : { code }),
        ...(detail === undefined ? {} : { detail }),
        at,
      });
    } else if (sender === agency.id) {
      await this.outbox.setOutcome(client, agency.id, messageId, type, code);
    } else if (type !== 'answered' && type !== 'closed') {
      // About mail of ours that ended before it was opened.
      await this.inbox.markRefused(agency.id, { sender, messageId }, { code: code ?? 'MESSAGE_FINAL', at });
    }
    const state = stateOf[type];
    if (state && (sent === undefined || opensExchange(sent)))
      await this.exchanges.setState(client, agency.id, exchangeId, state, code, at);
    this.logger.info({ agency: agency.id, messageId, type, code }, 'notice');
  }

  private async refuse(agency: ServedAgency, notice: ArrivedNotice, error: AppError): Promise<void> {
    const read = readStatement('outcome', notice.token);
    const about = read.ok ? `message ${read.value.payload.messageId}` : `mailbox item ${notice.number}`;
    const detail = `a notice about ${about} is not right`;
    await this.logStore.raise({ agency: agency.id, code: error.code, detail }, this.clock.now());
    await this.inbox.markNotice(this.database, agency.id, notice.number, 'refused', error.code);
    this.logger.error({ alarm: error.code, agency: agency.id, number: notice.number }, 'notice refused');
  }
}

/** Only the fate of what opened an exchange is the exchange's: an answer that expires was given all the same. */
const opensExchange = (sent: SentMessage): boolean => kindRules[sent.kind].asks || sent.kind === 'referral';
