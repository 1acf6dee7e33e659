import {
  type HubKeyRecord,
  type PublicJwk,
  type SigningKey,
  parseLogBody,
  signStatement,
  thumbprintOf,
} from '#envelope';
import { type Clock, type Sha256, type Thumbprint, numericDate, unwrap } from '#kernel';
import type { Logger } from '#platform';
import type { Appender } from '../append-entries/appender.js';
import { type PreparedEntry, prepareClear, prepareOpaque } from '../append-entries/prepared-entry.js';
import { eventIdOf } from '../append-entries/own-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import type { EntryKek } from '../infra/entry-kek.js';
import type { LogKeyring } from '../infra/log-keyring.js';
import type { ReleaseKeyring } from '../infra/release-keyring.js';

/** A key that is pinned by configuration and stands in the log as well, like every other key. */
export interface PinnedKey {
  readonly service: HubKeyRecord['service'];
  readonly use: Exclude<HubKeyRecord['use'], 'release' | 'log'>;
  readonly jwk: PublicJwk;
}

export interface HubKeysOptions {
  readonly keyring: ReleaseKeyring;
  readonly logKeys: LogKeyring;
  /** After something was said of a log key, and once before: everybody is to find the newest. */
  readonly onLogKeys: () => Promise<void>;
  readonly pinned: readonly PinnedKey[];
  /** The audit service's own signing key: the log key signs checkpoints only. */
  readonly auditKey: SigningKey;
  readonly kek: EntryKek;
  readonly appender: Appender;
  readonly clock: Clock;
  readonly logger: Logger;
}

const LOOK_EVERY_MS = 60_000;
const UNTIL_ACTIVE_MS = 100;
const YEAR_MS = 365 * 24 * 60 * 60 * 1000;
/** Pinned keys and log keys change by configuration, not by date. */
const PINNED_YEARS = 10;

/** Makes release keys ahead, destroys them in time, and sees that every key of the hub stands in the log in clear. */
export class HubKeys {
  private timer: NodeJS.Timeout | undefined;
  private logged = false;
  private closed = false;

  constructor(private readonly options: HubKeysOptions) {}

  /** Whether senders can find every key of today in the log. */
  get ready(): boolean {
    return this.logged;
  }

  start(): void {
    this.lookAgainAfter(0);
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
  }

  /** Idempotent by event ids that follow from the keys. */
  async refresh(): Promise<void> {
    const { keyring, appender } = this.options;
    const destroyed = await keyring.refresh();
    const logKeys = await this.options.logKeys.announcements();
    const entries = await Promise.all([
      ...logKeys.map((said) => this.leafOf({ ...this.lasting(), service: 'audit', use: 'log', ...said })),
      ...this.pinnedRecords().map((record) => this.leafOf(record)),
      ...keyring.records().map((record) => this.leafOf(record)),
      ...destroyed.map(async (kid) => this.destructionOf(kid)),
    ]);
    const unknown = entries.filter(({ eventId }) => !appender.knows(eventId));
    if (unknown.length > 0) await appender.append(plainProposal(unknown));
    if (unknown.length > 0 || !this.logged) await this.options.onLogKeys();
    this.logged = true;
  }

  private lookAgainAfter(milliseconds: number): void {
    if (this.closed) return;
    this.timer = setTimeout(() => void this.look(), milliseconds);
  }

  private async look(): Promise<void> {
    // Keys are made by the instance that can log them.
    if (!this.options.appender.active) return this.lookAgainAfter(UNTIL_ACTIVE_MS);
    try {
      await this.refresh();
      this.lookAgainAfter(LOOK_EVERY_MS);
    } catch (error) {
      this.options.logger.error({ err: error }, 'the hub’s keys could not be kept');
      this.lookAgainAfter(UNTIL_ACTIVE_MS * 10);
    }
  }

  private pinnedRecords(): HubKeyRecord[] {
    return this.options.pinned.map((pinned) => ({ ...this.lasting(), ...pinned }));
  }

  private lasting(): Pick<HubKeyRecord, 'useFrom' | 'useUntil' | 'iat'> {
    const now = this.options.clock.now();
    const useUntil = new Date(now.getTime() + PINNED_YEARS * YEAR_MS).toISOString();
    return { useFrom: now.toISOString(), useUntil, iat: numericDate(now) };
  }

  private async leafOf(record: HubKeyRecord): Promise<PreparedEntry> {
    const kid = await thumbprintOf(record.jwk);
    const eventId = eventIdOf(namesOf(record, kid));
    const token = await signStatement('hub-key', record, this.options.auditKey);
    const at = this.options.clock.now().toISOString();
    return prepareClear(eventId, { type: 'hub-key', record: token }, { type: 'hub-key', at, parties: [] });
  }

  private destructionOf(kid: Thumbprint): PreparedEntry {
    const body = {
      v: 1,
      eventId: eventIdOf(['hub-key-destroyed', kid]),
      type: 'hub-key-destroyed',
      at: this.options.clock.now().toISOString(),
      evidence: { 'hub-key': kid as string as Sha256 },
      assertedBy: 'hub',
    };
    return prepareOpaque(unwrap(parseLogBody(body)), this.options.kek);
  }
}

/** From which the leaf's id follows, so that one thing is said once. */
function namesOf({ service, use, retires, withdraws }: HubKeyRecord, kid: Thumbprint): string[] {
  if (retires !== undefined) return ['log-key-retired', retires];
  if (withdraws !== undefined) return ['log-key-withdrawn', withdraws];
  return ['hub-key', service, use, kid];
}
