import type {
  LogDifference as ReportedDifference,
  ReportReconciliationRequest,
  ReportReconciliationResponse,
} from '#contracts';
import { type LogDifference, differenceKinds, parseLogBody } from '#envelope';
import { AppError, type Clock, type EventId, isEventId, isSha256, newEventId, unwrap } from '#kernel';
import type { Appender } from '../append-entries/appender.js';
import { prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import type { NamedRule } from '../domain/alert-rules.js';
import { isReconcilingTopic } from '../domain/facts-of-producers.js';
import type { EntryKek } from '../infra/entry-kek.js';
import type { ReconciliationStore, StoredDifference } from '../infra/reconciliation-store.js';

/** What one report brings at most, and so one entry names. */
const mostReported = 100;

/** What producers found, each thing once: under an alert, which is itself an entry that names the differences. */
export class Differences {
  /** One after the other, so that an alert is logged before the next one is looked for. */
  private last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly store: ReconciliationStore,
    private readonly appender: Appender,
    private readonly kek: EntryKek,
    private readonly clock: Clock,
    private readonly rule: NamedRule,
  ) {}

  /**
   * Answers when what is new stands in the log. Gives the alert's id, empty where nothing was new, and of which events no
   * entry can be made: they are refused, whenever they come again.
   * Errors: MALFORMED, UNAVAILABLE (nothing is lost: it is told again).
   */
  report(request: ReportReconciliationRequest): Promise<ReportReconciliationResponse> {
    const reported = this.last.then(() => this.take(request));
    this.last = reported.catch(() => undefined);
    return reported;
  }

  private async take({
    topic,
    next,
    compared,
    overdue,
    setAside,
    differences,
  }: ReportReconciliationRequest): Promise<ReportReconciliationResponse> {
    if (!isReconcilingTopic(topic) || differences.length > mostReported || !differences.every(isDifference))
      throw new AppError('MALFORMED');
    const alert = { id: newEventId(), rule: this.rule, at: this.clock.now() };
    const refused = await this.refusedAmong(topic, differences);
    const raised =
      differences.length === 0
        ? 0
        : await this.store.raise(
            alert,
            topic,
            differences.map((one) => (isRefused(one, refused) ? { ...one, kind: 'event-refused' } : one)),
          );
    await this.logRaised();
    await this.store.report(topic, { next: Number(next), compared, overdue, setAside });
    return { alert: raised === 0 ? '' : alert.id, refused: [...refused] };
  }

  private async refusedAmong(topic: string, differences: readonly ReportedDifference[]): Promise<Set<string>> {
    const ids = differences.filter(({ kind }) => kind === 'event-without-leaf').map(({ eventId }) => eventId);
    return ids.length === 0 ? new Set() : this.store.refusedAmong(topic, ids);
  }

  /** Also those of a report that was stopped half-way. */
  private async logRaised(): Promise<void> {
    const byAlert = new Map<string, StoredDifference[]>();
    for (const found of await this.store.unlogged(this.rule.id))
      byAlert.set(found.alert, [...(byAlert.get(found.alert) ?? []), found]);
    for (const [alert, found] of byAlert) {
      const body = {
        v: 1,
        eventId: alert as EventId,
        type: 'alert-raised',
        at: (found[0]?.foundAt ?? this.clock.now()).toISOString(),
        purpose: this.rule.id,
        differences: found.map(loggedDifference),
        assertedBy: 'hub',
      };
      await this.appender.append(plainProposal([prepareOpaque(unwrap(parseLogBody(body)), this.kek)]));
    }
    if (byAlert.size > 0) await this.store.logged([...byAlert.keys()]);
  }
}

const kinds: ReadonlySet<string> = new Set(differenceKinds);

function isDifference({ kind, eventId, type, manifestHash }: ReportedDifference): boolean {
  return (
    kinds.has(kind) &&
    // A row whose event is none at all is told of too.
    (eventId === '' ? manifestHash !== '' || kind === 'row-without-event' : isEventId(eventId)) &&
    (manifestHash === '' || isSha256(manifestHash)) &&
    /^[a-z-]{0,64}$/.test(type)
  );
}

const isRefused = ({ kind, eventId }: ReportedDifference, refused: ReadonlySet<string>): boolean =>
  kind === 'event-without-leaf' && refused.has(eventId);

const loggedDifference = ({ kind, topic, eventId, leafIndex, type, manifestHash }: StoredDifference) =>
  ({
    kind,
    producer: topic,
    ...(eventId !== '' && { eventId }),
    ...(leafIndex !== null && { leafIndex }),
    ...(type !== '' && { type }),
    ...(manifestHash !== '' && { manifestHash }),
  }) as LogDifference;
