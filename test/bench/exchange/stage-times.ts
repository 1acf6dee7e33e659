import { type Distribution, distributionOf } from '../measure/percentiles.js';
import type { PostgresObserver } from '../measure/postgres-work.js';
import type { DrivenExchange } from './drive-exchanges.js';

/** In the order in which a message goes through them. */
export const stages = ['accepted', 'logged', 'delivered', 'released', 'opened', 'round trip'] as const;
export type Stage = (typeof stages)[number];

/** Milliseconds, for each stage. Undefined where no message came to it. */
export type StageTimes = Readonly<Record<Stage, Distribution | undefined>>;

/** When one message came to what, all by clocks of this machine. */
export interface MessageTimes {
  readonly exchangeId: string;
  readonly kind: string;
  /** Sealed, and kept in the sender's outbox: the zero of the others. */
  readonly sealedAt: Date;
  /** The sender holds the log's receipt. */
  readonly acceptedAt: Date | null;
  /** The entry of its acceptance was written, a moment before that transaction's commit. */
  readonly loggedAt: Date | null;
  /** The recipient's agent has it stored. */
  readonly deliveredAt: Date | null;
  /** The entry of its release was written, a moment before that transaction's commit. */
  readonly releasedAt: Date | null;
  /** Opened, compared, and its effect stored. */
  readonly openedAt: Date | null;
}

/** Times since the message was sealed; the round trip from the system's call until its answer was opened. */
export function stageTimes(messages: readonly MessageTimes[], exchanges: readonly DrivenExchange[]): StageTimes {
  const since = (at: (message: MessageTimes) => Date | null): Distribution | undefined =>
    distributionOf(messages.flatMap((message) => elapsed(message.sealedAt, at(message))));
  const answers = new Map(
    messages.filter(({ kind }) => kind === 'answer').map((answer) => [answer.exchangeId, answer.openedAt]),
  );
  return {
    accepted: since(({ acceptedAt }) => acceptedAt),
    logged: since(({ loggedAt }) => loggedAt),
    delivered: since(({ deliveredAt }) => deliveredAt),
    released: since(({ releasedAt }) => releasedAt),
    opened: since(({ openedAt }) => openedAt),
    'round trip': distributionOf(exchanges.flatMap(({ id, askedAt }) => elapsed(askedAt, answers.get(id) ?? null))),
  };
}

const elapsed = (from: Date, to: Date | null): number[] => (to === null ? [] : [to.getTime() - from.getTime()]);

interface Sent {
  manifest_hash: string;
  exchange_id: string;
  kind: string;
  created_at: Date;
  closed_at: Date | null;
}

interface Received {
  manifest_hash: string;
  received_at: Date;
  opened_at: Date | null;
}

interface Entry {
  manifest_hash: string;
  type: 'message-accepted' | 'message-released';
  at: Date;
}

/** Looks the times up where each is kept: in the two agents' databases and in the log. */
export async function readMessageTimes(
  agents: readonly PostgresObserver[],
  hub: PostgresObserver,
  exchangeIds: readonly string[],
): Promise<MessageTimes[]> {
  const both = async <Row extends object>(name: string, text: string): Promise<Row[]> =>
    (await Promise.all(agents.map((agent) => agent.rows<Row>(name, text, [exchangeIds])))).flat();
  const sent = await both<Sent>(
    'sent',
    'SELECT manifest_hash, exchange_id, kind, created_at, closed_at FROM agent.outbox WHERE exchange_id = ANY($1)',
  );
  const received = await both<Received>(
    'received',
    'SELECT manifest_hash, received_at, opened_at FROM agent.inbox WHERE exchange_id = ANY($1)',
  );
  const entries = await hub.rows<Entry>(
    'entries',
    `SELECT manifest_hash, type, appended_at AS at FROM audit.entry_index JOIN audit.entry USING (leaf_index)
     WHERE type IN ('message-accepted', 'message-released') AND exchange_id = ANY($1)`,
    [exchangeIds],
  );
  const arrived = new Map(received.map((row) => [row.manifest_hash, row]));
  const logged = new Map(entries.map(({ manifest_hash, type, at }) => [`${type} ${manifest_hash}`, at]));
  return sent.map((row) => ({
    exchangeId: row.exchange_id,
    kind: row.kind,
    sealedAt: row.created_at,
    acceptedAt: row.closed_at,
    loggedAt: logged.get(`message-accepted ${row.manifest_hash}`) ?? null,
    deliveredAt: arrived.get(row.manifest_hash)?.received_at ?? null,
    releasedAt: logged.get(`message-released ${row.manifest_hash}`) ?? null,
    openedAt: arrived.get(row.manifest_hash)?.opened_at ?? null,
  }));
}
