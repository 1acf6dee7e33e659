import { AppError } from '#kernel';
import type { LogRecord } from './message-log.js';

export interface SendLimits {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

interface Submission {
  /** Records not yet acknowledged. */
  open: number;
  settled: boolean;
  resolve(): void;
  reject(error: unknown): void;
}

interface Queued {
  readonly record: LogRecord;
  readonly bytes: number;
  readonly submission: Submission;
}

/** Room for offsets, lengths and timestamps of one record in a record batch. */
const RECORD_OVERHEAD = 64;

export const sizeOf = (record: LogRecord): number => {
  let bytes = RECORD_OVERHEAD + record.key.length + record.value.byteLength;
  for (const [name, value] of Object.entries(record.headers ?? {})) bytes += name.length + value.length + 8;
  return bytes;
};

/**
 * The queue in front of one partition. At most one send is under way (design 4, rule 2: concurrent idempotent sends of
 * kafkajs reuse sequence numbers after a lost acknowledgement); what comes meanwhile goes together in the next one, so
 * batches grow with the load and a lone record waits for nothing.
 */
export class PartitionSender {
  private queue: Queued[] = [];
  private flushing: Promise<void> | undefined;
  private bytes = 0;
  private sentAt: number | undefined;

  constructor(
    private readonly send: (records: readonly LogRecord[]) => Promise<void>,
    private readonly limits: SendLimits,
  ) {}

  /** How long the send under way has been waiting for its acknowledgement, in milliseconds; 0 when there is none. */
  get waitingMs(): number {
    return this.sentAt === undefined ? 0 : Date.now() - this.sentAt;
  }

  get queuedBytes(): number {
    return this.bytes;
  }

  /** Resolves when all of them are acknowledged. */
  submit(records: readonly LogRecord[], timeoutMs?: number): Promise<void> {
    if (records.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      let timer: NodeJS.Timeout | undefined;
      const submission: Submission = {
        open: records.length,
        settled: false,
        resolve: () => {
          submission.settled = true;
          clearTimeout(timer);
          resolve();
        },
        reject: (error) => {
          if (submission.settled) return;
          submission.settled = true;
          clearTimeout(timer);
          this.drop(submission);
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      };
      if (timeoutMs !== undefined)
        timer = setTimeout(
          () => submission.reject(new AppError('UNAVAILABLE', 'Kafka did not answer in time')),
          timeoutMs,
        );
      for (const record of records) {
        const bytes = sizeOf(record);
        this.bytes += bytes;
        this.queue.push({ record, bytes, submission });
      }
      this.flush();
    });
  }

  /** Resolves when nothing is queued or under way. */
  async drained(): Promise<void> {
    while (this.flushing) await this.flushing;
  }

  private flush(): void {
    this.flushing ??= this.sendAll().finally(() => {
      this.flushing = undefined;
      if (this.queue.length > 0) this.flush();
    });
  }

  private async sendAll(): Promise<void> {
    while (this.queue.length > 0) {
      const batch = this.takeBatch();
      this.sentAt = Date.now();
      try {
        await this.send(batch.map(({ record }) => record));
        for (const { submission } of batch) {
          submission.open -= 1;
          if (submission.open === 0 && !submission.settled) submission.resolve();
        }
      } catch (error) {
        for (const { submission } of batch) submission.reject(error);
      } finally {
        this.sentAt = undefined;
      }
    }
  }

  private takeBatch(): Queued[] {
    let count = 0;
    let bytes = 0;
    for (const queued of this.queue) {
      if (count > 0 && (count >= this.limits.maxRecords || bytes + queued.bytes > this.limits.maxBytes)) break;
      count += 1;
      bytes += queued.bytes;
    }
    this.bytes -= bytes;
    return this.queue.splice(0, count);
  }

  /** What a failed submission still has in the queue must not arrive after a part of it was refused. */
  private drop(submission: Submission): void {
    this.queue = this.queue.filter((queued) => {
      if (queued.submission !== submission) return true;
      this.bytes -= queued.bytes;
      return false;
    });
  }
}
