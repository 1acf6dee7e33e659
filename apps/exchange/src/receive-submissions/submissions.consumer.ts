import { Submission, topics } from '#contracts';
import { readManifest } from '#envelope';
import { type LogBatch, type LogMessage, InboxConsumer, type InboxConsumerOptions, isTransient } from '#messaging';
import { sha256 } from '#kernel';
import type { ReceiveSubmissions } from './receive-submissions.handler.js';
import type { Judged, SubmissionJudge } from './judge-submissions.js';

export type SubmissionsConsumerOptions = Omit<
  InboxConsumerOptions<Submission>,
  'decode' | 'idOf' | 'exchangeOf' | 'handle' | 'consumer'
>;

/**
 * exchange.submissions.v1: judged side by side before the transaction, so that no lock is held during cryptography or while
 * consent is asked; then one transaction for the batch.
 */
export class SubmissionsConsumer {
  readonly inbox: InboxConsumer<Submission>;
  private readonly judged = new WeakMap<LogMessage, Judged>();

  constructor(
    private readonly judge: SubmissionJudge,
    receive: ReceiveSubmissions,
    options: SubmissionsConsumerOptions,
  ) {
    this.inbox = new InboxConsumer<Submission>({
      ...options,
      consumer: topics.submissions,
      decode: ({ value }) => Submission.decode(value),
      // By all its bytes: a forgery that repeats the id of a real submission must not take that one's place.
      idOf: ({ submissionId }, { value }) => `${submissionId} ${sha256(value)}`,
      exchangeOf: ({ manifest }) => exchangeOf(manifest),
      handle: async (client, messages) => {
        // A held message comes back without its batch and is judged anew: the reasons may have changed.
        const missing = messages.filter(({ raw }) => !this.judged.has(raw));
        const fresh = await this.judge.judge(missing.map(({ body }) => body));
        missing.forEach(({ raw }, index) => this.judged.set(raw, fresh[index]!));
        await receive.receive(
          client,
          messages.map(({ raw }) => this.judged.get(raw)!),
        );
      },
    });
  }

  async consume(batch: LogBatch): Promise<void> {
    await this.judgeAhead(batch);
    await this.inbox.consumeBatch(batch);
  }

  /** A message on which judging itself breaks is left to the inbox, which finds it, holds it and lets the others pass. */
  private async judgeAhead(batch: LogBatch): Promise<void> {
    const readable = batch.messages.flatMap((raw) => {
      const submission = decodeOrNothing(raw);
      return submission ? [{ raw, submission }] : [];
    });
    try {
      const judged = await this.judge.judge(readable.map(({ submission }) => submission));
      readable.forEach(({ raw }, index) => this.judged.set(raw, judged[index]!));
    } catch (error) {
      if (isTransient(error)) throw error;
    }
  }
}

/** Only the queue of a held message depends on it; nothing is believed. */
function exchangeOf(manifest: string): string | undefined {
  const read = readManifest(manifest);
  return read.ok ? read.value.context.exchangeId : undefined;
}

function decodeOrNothing({ value }: LogMessage): Submission | undefined {
  try {
    return Submission.decode(value);
  } catch {
    return undefined;
  }
}
