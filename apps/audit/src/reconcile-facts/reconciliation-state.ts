import type { GetReconciliationResponse } from '#contracts';
import type { Database } from '#platform';
import { reconcilingTopics } from '../domain/facts-of-producers.js';
import { storedSize } from '../infra/log-store.js';
import type { ReconciliationStore } from '../infra/reconciliation-store.js';

/** A producer reports every ten seconds; one that has been silent for so long is looked for. */
const silentAfterMs = 5 * 60_000;
const mostListed = 500;

/** How far each producer has come, and what is open. Names no person. */
export class ReconciliationState {
  constructor(
    private readonly database: Database,
    private readonly store: ReconciliationStore,
  ) {}

  async look(): Promise<GetReconciliationResponse> {
    const [producers, { differences, count }, size] = await Promise.all([
      this.store.producers(),
      this.store.open(mostListed),
      storedSize(this.database),
    ]);
    const known = new Map(producers.map((one) => [one.topic, one]));
    return {
      producers: reconcilingTopics.map((topic) => {
        const { next = 0, compared = 0, overdue = 0, setAside = 0, reportedAt, ageMs } = known.get(topic) ?? {};
        return {
          topic,
          next: BigInt(next),
          compared: BigInt(compared),
          overdue,
          setAside,
          reportedAt,
          silent: ageMs === undefined || ageMs > silentAfterMs,
        };
      }),
      open: differences.map(({ topic, alert, foundAt, leafIndex, kind, eventId, type, manifestHash }) => ({
        topic,
        alert,
        foundAt,
        difference: {
          kind,
          eventId,
          type,
          manifestHash,
          ...(leafIndex !== null && { leafIndex: BigInt(leafIndex) }),
        },
      })),
      openCount: count,
      size: BigInt(size),
    };
  }
}
