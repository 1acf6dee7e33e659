import type { LogRecord, Topic } from '#contracts';
import { type ClearRecord, parseLogBody, readStatement, sealReleasedKey } from '#envelope';
import {
  type AgencyId,
  AppError,
  type Clock,
  type EventId,
  type Result,
  err,
  isAgencyId,
  isEventId,
  ok,
} from '#kernel';
import { type Assertion, bodyMembers } from '../domain/entry-body.js';
import { countsForConsent, mayWrite } from '../domain/entry-types.js';
import {
  type EntryDraft,
  type LeafOpening,
  type OpaqueEntry,
  type PreparedEntry,
  prepareClear,
  openingOf,
} from '../append-entries/prepared-entry.js';
import type { AgencyKeys } from '../infra/agency-keys.js';
import type { EntrySealer } from '../seal-entries/entry-sealer.js';
import type { EvidenceVerifier } from './verify-evidence.js';

/** Time in which what another service knew of a key must have reached this one's snapshot, in milliseconds. */
const DIRECTORY_LAG_MS = 500;
const LOOK_EVERY_MS = 25;

const malformed = (field: string) => err(new AppError('MALFORMED', undefined, { field }));

export interface RecordToLog {
  readonly record: LogRecord;
  /** Agencies that may find the entry as one of theirs, beside those that the record names. */
  readonly concerned?: readonly AgencyId[];
}

interface DraftWithReceipt extends EntryDraft {
  readonly receiptFor?: AgencyId;
}

/** From a record, wherever it came from, to an entry that only lacks its place in the log. */
export class RecordPreparer {
  constructor(
    private readonly keys: AgencyKeys,
    private readonly evidence: EvidenceVerifier,
    private readonly sealer: EntrySealer,
    private readonly clock: Clock,
  ) {}

  /** As `prepareAll`, of one. */
  async prepare(record: LogRecord, topic: Topic): Promise<Result<PreparedEntry>> {
    const [prepared] = await this.prepareAll([{ record }], topic);
    return prepared!;
  }

  /**
   * Each in its place.
   *
   * @param topic whose service may write which types
   *
   * Errors: MALFORMED (no later attempt can succeed), DIRECTORY_STALE (evidence cannot be judged now).
   */
  async prepareAll(records: readonly RecordToLog[], topic: Topic): Promise<Result<PreparedEntry>[]> {
    const read = await Promise.all(records.map((one) => this.read(one, topic)));
    const sealed = await this.sealer.seal(read.flatMap((one) => (one.ok && 'body' in one.value ? [one.value] : [])));
    const inOrder = sealed.values();
    return Promise.all(
      read.map(async (one): Promise<Result<PreparedEntry>> => {
        if (!one.ok) return one;
        if (!('body' in one.value)) return ok(one.value);
        return ok(await this.withReceipt(inOrder.next().value!, one.value.receiptFor));
      }),
    );
  }

  private async read(
    { record, concerned = [] }: RecordToLog,
    topic: Topic,
  ): Promise<Result<PreparedEntry | DraftWithReceipt>> {
    const { eventId, receiptFor } = record;
    if (!isEventId(eventId)) return malformed('eventId');
    if (!mayWrite(topic, record.type)) return malformed('type');
    if (!isDatable(record.at)) return malformed('at');
    if (record.clearRecordJson !== '') return this.clear(eventId, record, topic);
    // Not needed for clear entries, which are how a directory that knows no key yet gets its first ones.
    const fresh = this.keys.directory.fresh();
    if (!fresh.ok) return fresh;
    const assertion = await this.assertionOf(record);
    if (!assertion.ok) return assertion;
    const members = bodyMembers(record, assertion.value);
    if (!members.ok) return members;
    const body = parseLogBody(members.value);
    if (!body.ok) return body;
    const tokens = Object.fromEntries(record.evidence.map(({ kind, token }) => [kind, token]));
    if (receiptFor === '') return ok({ body: body.value, topic, tokens, told: concerned });
    if (!isAgencyId(receiptFor)) return malformed('receiptFor');
    return ok({ body: body.value, topic, tokens, told: [receiptFor, ...concerned], receiptFor });
  }

  private async withReceipt(entry: OpaqueEntry, receiptFor: AgencyId | undefined): Promise<PreparedEntry> {
    if (receiptFor === undefined) return entry;
    return { ...entry, receipt: { opening: await this.sealOpening(openingOf(entry), receiptFor) } };
  }

  /** An entry that counts only with its signature waits a moment for the directory to tell of the key, which is in the log. */
  private async assertionOf(record: LogRecord): Promise<Result<Assertion>> {
    const at = record.at ?? this.clock.now();
    const end = Date.now() + DIRECTORY_LAG_MS;
    for (;;) {
      const { version } = this.keys.directory;
      const assertion = await this.evidence.assertionOf(record, at);
      const settled =
        !assertion.ok || record.evidence.length === 0 || countsForConsent(record.type, assertion.value.assertedBy);
      if (settled) return assertion;
      while (this.keys.directory.version === version) {
        if (Date.now() >= end) return assertion;
        await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
      }
    }
  }

  private async sealOpening(opening: LeafOpening, receiver: AgencyId): Promise<string> {
    const key = await this.keys.currentReceiving(receiver, this.clock.now());
    return key ? sealReleasedKey(opening, key) : '';
  }

  private clear(eventId: EventId, record: LogRecord, topic: Topic): Result<PreparedEntry> {
    const at = record.at?.toISOString();
    if (at === undefined) return malformed('at');
    try {
      const clear = JSON.parse(record.clearRecordJson) as ClearRecord;
      if (!signedAsItSays(clear)) return malformed('clearRecordJson');
      const parties = [record.actorAgency, record.sender].filter(isAgencyId);
      const entry = prepareClear(eventId, clear, { type: record.type, at, parties: [...new Set(parties)] });
      return ok({ ...entry, topic });
    } catch {
      return malformed('clearRecordJson');
    }
  }
}

/** A time that entries, and the database, can say. */
function isDatable(at: Date | undefined): at is Date {
  const year = at?.getUTCFullYear() ?? NaN;
  return year >= 1 && year <= 9999;
}

/**
 * Only audit logs keys of the hub: a release key that anybody else could name would open every message. Only audit erases.
 */
function signedAsItSays(record: ClearRecord): boolean {
  switch (record.type) {
    case 'agency-key':
      return readStatement('agency-key', record.record).ok;
    case 'agency-key-revocation':
      return readStatement('agency-key-revocation', record.record).ok;
    case 'hub-key':
    case 'tombstone':
    case 'clear-list':
      return false;
    case 'agency':
    case 'catalogue':
      return true;
  }
}
