import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import {
  type Manifest,
  readManifest,
  signReleaseRequest,
  signStatement,
  verifyManifest,
  type VerificationKey,
} from '#envelope';
import {
  AppError,
  type Clock,
  err,
  type ErrorCode,
  fromNumericDate,
  numericDate,
  ok,
  type Result,
  type Thumbprint,
} from '#kernel';
import type { TreeHead } from '#merkle';
import { CLOCK, Database, LOGGER, type Logger } from '#platform';
import { LogFollower } from '../follow-log/log-follower.js';
import { MAX_BATCH, type ReleaseOutcome } from '../hub-client/hub-client.js';
import { ExchangeStore } from '../infra/exchange-store.js';
import { InboxStore, type MessageToOpen } from '../infra/inbox-store.js';
import { LogStore } from '../infra/log-store.js';
import { Directory } from '../look-up-directory/directory.js';
import { pauseAfter } from '../send-message/outbox-sender.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { WitnessedLog } from '../watch-log/witnessed-log.js';
import { openProven, proveRelease } from './open-released.js';
import { type KnownExchanges, type OpenedToTake, TakeOpened } from './take-opened.js';

/** A release request is good for 60 s at audit; ours is made anew a little earlier. */
const REQUEST_GOOD_FOR_MS = 50_000;
const RETRY_AFTER_MS = 500;

/** After these the same message can be asked for again; nothing is wrong with it. */
const passing: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'UNAUTHENTICATED',
  'DPOP_INVALID',
  'USE_DPOP_NONCE',
  'AGENCY_NOT_ONBOARDED',
  'RATE_LIMITED',
  'UNAVAILABLE',
  'DIRECTORY_STALE',
  'INTERNAL',
  'TIMEOUT',
  'RELEASE_REQUEST_INVALID',
  'PERMIT_INVALID',
  'CONSENT_NOT_YET_VALID',
  'LOG_INCONSISTENT',
  'PSEUDONYM_KEY_MISSING',
  'VAULT_KEY_MISSING',
]);

/** A service may hear of our newest key a moment after the log has shown it to us: then these are about that key. */
const aboutNewKeys: ReadonlySet<ErrorCode> = new Set<ErrorCode>(['KEY_NOT_LOGGED', 'SIGNATURE_INVALID']);
/** Attempts, over some minutes, after which it is not that. */
const PATIENCE_FOR_KEYS = 10;

interface Checked {
  readonly message: MessageToOpen;
  readonly manifest: Manifest;
  readonly senderKey: VerificationKey;
}

interface Requested extends Checked {
  readonly releaseRequest: string;
}

/**
 * Asks for the one-time keys of delivered messages, up to 64 at once, verifies each receipt, opens, compares and hands on.
 * The signed release request is stored before it is posted: after a crash the same one is posted again and gets the same
 * leaf.
 */
@Injectable()
export class MailOpener {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(WitnessedLog) private readonly witnessed: WitnessedLog,
    @Inject(LogStore) private readonly logStore: LogStore,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(TakeOpened) private readonly takeOpened: TakeOpened,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** One batch. Returns how many messages were due. */
  async runOnce(agency: ServedAgency): Promise<number> {
    if (agency.onboarding) return 0;
    const due = await this.inbox.toOpen(agency.id, this.clock.now(), MAX_BATCH);
    const checked: Checked[] = [];
    for (const message of due) {
      const result = await this.check(agency, message);
      if (result.ok) checked.push(result.value);
      else await this.notOpened(agency, message, result.error, { reported: true });
    }
    if (checked.length > 0) await this.release(agency, checked);
    return due.length;
  }

  /** Signature by a logged key of the sender, before anything is asked for. */
  private async check(agency: ServedAgency, message: MessageToOpen): Promise<Result<Checked>> {
    const read = readManifest(message.manifest);
    if (!read.ok) return read;
    const { context, kid } = read.value;
    // Nothing is released that could not be opened; another backup of the vault may still have the key.
    if (!agency.receivingKey(context.recipientKey).ok) return this.keyMissing(agency, context.recipientKey);
    const at = fromNumericDate(context.iat);
    let key = await this.log.keys.signingKey(context.sender, kid, at);
    if (!key.ok && key.error.code === 'KEY_NOT_LOGGED') {
      const followed = await this.catchUp();
      if (!followed.ok) return followed;
      key = await this.log.keys.signingKey(context.sender, kid, at);
    }
    if (!key.ok) return key;
    const manifest = await verifyManifest(message.manifest, key.value);
    if (!manifest.ok) return manifest;
    for (const pseudonym of context.subjects) {
      const known = agency.pseudonymKeyOf(pseudonym);
      if (!known.ok) return known;
    }
    return ok({ message, manifest: manifest.value, senderKey: key.value });
  }

  private async keyMissing(agency: ServedAgency, kid: Thumbprint): Promise<Result<never>> {
    const error = new AppError('VAULT_KEY_MISSING');
    const detail = `mail is sealed to the receiving key ${kid}, which is not in the vault`;
    const raised = await this.logStore.raise({ agency: agency.id, code: error.code, detail }, this.clock.now());
    if (raised) this.logger.error({ alarm: error.code, agency: agency.id, kid }, 'mail to a key that is not held');
    return err(error);
  }

  private async release(agency: ServedAgency, checked: readonly Checked[]): Promise<void> {
    const requested = await this.requests(agency, checked);
    const head = this.log.head();
    let outcomes: readonly ReleaseOutcome[];
    try {
      outcomes = await agency.hub.release(
        requested.map(({ releaseRequest }) => ({ releaseRequest, seenSize: head.size })),
      );
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const seconds = error.details['retryAfter'];
      const attempts = Math.min(...requested.map(({ message }) => message.attempts));
      const pause = typeof seconds === 'number' ? seconds * 1_000 : pauseAfter(attempts, RETRY_AFTER_MS);
      const nextAt = new Date(this.clock.now().getTime() + pause);
      await this.inbox.postpone(
        agency.id,
        requested.map(({ message }) => message),
        error.code,
        nextAt,
      );
      return;
    }
    const known = await this.takeOpened.known(
      agency,
      requested.map(({ manifest }) => manifest),
    );
    const opened = await Promise.all(
      requested.map(async (one, index) => {
        const outcome = outcomes[index];
        if (outcome && 'released' in outcome) return this.open(agency, one, outcome.released, head, known);
        if (outcome) await this.refusedRelease(agency, one.message, outcome.refused, outcome.final);
        return undefined;
      }),
    );
    const toTake = opened.filter((one) => one !== undefined);
    if (toTake.length > 0) await this.takeOpened.take(agency, toTake);
  }

  /** Requests that are still good are posted again as they are. */
  private async requests(agency: ServedAgency, checked: readonly Checked[]): Promise<Requested[]> {
    const now = this.clock.now();
    const signed = await Promise.all(
      checked.map(async (one) => {
        const { releaseRequest, releaseRequestedAt, manifestHash, openBy } = one.message;
        const age = now.getTime() - (releaseRequestedAt?.getTime() ?? 0);
        if (releaseRequest !== undefined && age < REQUEST_GOOD_FOR_MS) return { ...one, releaseRequest, fresh: false };
        const token = await signReleaseRequest(
          {
            manifestHash,
            agency: agency.id,
            worker: agency.workerPseudonym(openBy),
            jti: randomUUID(),
            iat: numericDate(now),
          },
          agency.signingKey(),
        );
        return { ...one, releaseRequest: token, fresh: true };
      }),
    );
    const fresh = signed.filter((one) => one.fresh);
    if (fresh.length > 0) {
      await this.inbox.keepRequests(
        agency.id,
        fresh.map(({ message, releaseRequest }) => ({ message, token: releaseRequest, at: now })),
      );
    }
    return signed;
  }

  /** Undefined where it stays unopened, which is noted then. */
  private async open(
    agency: ServedAgency,
    { message, manifest, senderKey }: Checked,
    released: Extract<ReleaseOutcome, { released: unknown }>['released'],
    head: TreeHead,
    known: KnownExchanges,
  ): Promise<OpenedToTake | undefined> {
    const { leafIndex } = released.receipt;
    const keys = await this.log.keysFor(released.receipt.checkpoint);
    if (!keys.ok) return this.notOpened(agency, message, keys.error, { reported: false });
    const proven = await proveRelease(agency, manifest, released.receipt, keys.value);
    if (!proven.ok) {
      await this.alarm(agency, proven.error, message);
      return this.notOpened(agency, message, proven.error, { reported: true });
    }
    const consistent = await this.accepted(proven.value.checkpoint, head, released.consistencyProof);
    if (!consistent.ok) return this.notOpened(agency, message, consistent.error, { reported: false });
    const { check } = await this.directory.catalogue();
    const opened = await openProven(agency, message, proven.value, senderKey, manifest, check);
    if (!opened.ok) return this.notOpened(agency, message, opened.error, { reported: true, leafIndex });
    const admitted = await this.takeOpened.admit(agency, manifest, opened.value, known);
    if (!admitted.ok) return this.notOpened(agency, message, admitted.error, { reported: true, leafIndex });
    return { message, manifest, opened: opened.value, leafIndex };
  }

  private async accepted(
    checkpoint: Parameters<LogFollower['accept']>[0],
    from: TreeHead,
    proof: readonly Buffer[],
  ): Promise<Result<void>> {
    try {
      const accepted = await this.log.accept(checkpoint, { from, proof });
      if (accepted.ok) this.witnessed.notice(checkpoint);
      return accepted;
    } catch (error) {
      if (error instanceof AppError) return err(error);
      throw error;
    }
  }

  private async catchUp(): Promise<Result<void>> {
    try {
      await this.log.catchUp();
      return ok(undefined);
    } catch (error) {
      if (error instanceof AppError) return err(error);
      throw error;
    }
  }

  private async refusedRelease(
    agency: ServedAgency,
    message: MessageToOpen,
    error: AppError,
    final: boolean,
  ): Promise<void> {
    const again = passing.has(error.code) || (aboutNewKeys.has(error.code) && message.attempts < PATIENCE_FOR_KEYS);
    if (final || !again) {
      const at = this.clock.now();
      await this.inbox.markRefused(this.database, agency.id, message, { code: error.code, at });
      await this.exchanges.end(this.database, agency.id, message.exchangeId, 'withdrawn', error.code, at);
      this.logger.info({ agency: agency.id, messageId: message.messageId, code: error.code }, 'release refused');
      return;
    }
    await this.later(agency, message, error);
  }

  /** `reported`: the difference is the sender's or the hub's doing, so the log gets our signed word about it. */
  private async notOpened(
    agency: ServedAgency,
    message: MessageToOpen,
    error: AppError,
    { reported, leafIndex }: { reported: boolean; leafIndex?: number },
  ): Promise<undefined> {
    if (passing.has(error.code)) {
      await this.later(agency, message, error);
      return undefined;
    }
    const now = this.clock.now();
    const mismatch = reported
      ? await signStatement(
          'mismatch',
          {
            manifestHash: message.manifestHash,
            agency: agency.id,
            code: error.code,
            worker: agency.workerPseudonym(message.openBy),
            iat: numericDate(now),
          },
          agency.signingKey(),
        )
      : undefined;
    await this.inbox.markRefused(this.database, agency.id, message, {
      code: error.code,
      ...(leafIndex === undefined ? {} : { leafIndex }),
      ...(mismatch === undefined ? {} : { mismatch }),
      at: now,
    });
    this.logger.warn({ agency: agency.id, messageId: message.messageId, code: error.code }, 'not opened');
    return undefined;
  }

  private async later(agency: ServedAgency, message: MessageToOpen, error: AppError): Promise<void> {
    const nextAt = new Date(this.clock.now().getTime() + pauseAfter(message.attempts, RETRY_AFTER_MS));
    await this.inbox.postpone(agency.id, [message], error.code, nextAt);
  }

  private async alarm(agency: ServedAgency, error: AppError, message: MessageToOpen): Promise<void> {
    const detail = `the receipt of message ${message.messageId} proves something else`;
    await this.logStore.raise({ agency: agency.id, code: error.code, detail }, this.clock.now());
    this.logger.error({ alarm: error.code, agency: agency.id, messageId: message.messageId }, 'receipt refused');
  }
}
