import { Inject, Injectable } from '@nestjs/common';
import { Submission, topics } from '#contracts';
import { type Manifest, readManifest } from '#envelope';
import { type AgencyId, type Clock, newEventId, problemOf, type Result } from '#kernel';
import { CLOCK, DirectoryWatch } from '#platform';
import { EdgePublisher } from '../infra/edge-publisher.js';
import { RefusalLog } from '../log-refusals/refusal-log.js';
import { type MessageNames, RefusedMessage } from '../log-refusals/refused-message.js';
import { checkMessage, type SealedParts } from './check-message.js';
import type { SubmissionDto } from './submit-messages.dto.js';

type Checked = Result<Manifest, RefusedMessage>;

/** Takes sealed messages: those that pass are durably in Kafka before the answer, those that do not are told why and logged. */
@Injectable()
export class SubmitMessages {
  constructor(
    @Inject(DirectoryWatch) private readonly directory: DirectoryWatch,
    @Inject(EdgePublisher) private readonly publisher: EdgePublisher,
    @Inject(RefusalLog) private readonly refusals: RefusalLog,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * @returns one outcome per message, in order
   * @throws RefusedMessage when the only message is refused; AppError UNAVAILABLE when Kafka does not take them
   */
  async submit(caller: AgencyId, messages: readonly SealedParts[]): Promise<SubmissionDto[]> {
    const now = this.clock.now();
    const checked = await Promise.all(messages.map((parts) => this.check(parts, caller, now)));
    const [only] = checked;
    if (checked.length === 1 && only && !only.ok) throw only.error;
    const accepted = checked.flatMap((result, i) =>
      result.ok ? [{ manifest: result.value, parts: messages[i]! }] : [],
    );
    await Promise.all([
      this.publisher.publish(
        topics.submissions,
        accepted.map(({ manifest, parts: { manifest: token, capsule, outer } }) => ({
          key: manifest.context.exchangeId,
          value: Submission.encode({
            submissionId: newEventId(),
            agency: caller,
            manifest: token,
            capsule,
            outer,
            receivedAt: now,
          }).finish(),
        })),
      ),
      this.refusals.record(
        caller,
        checked.flatMap((result) => (result.ok ? [] : [result.error])),
      ),
    ]);
    return checked.map(outcomeOf);
  }

  private async check(parts: SealedParts, caller: AgencyId, now: Date): Promise<Checked> {
    const checked = await checkMessage(parts, caller, this.directory, now);
    return checked.ok ? checked : { ok: false, error: new RefusedMessage(checked.error, namesIn(parts.manifest)) };
  }
}

function namesIn(manifest: string): MessageNames | undefined {
  const read = readManifest(manifest);
  if (!read.ok) return undefined;
  const { context, manifestHash } = read.value;
  return { exchangeId: context.exchangeId, messageId: context.messageId, manifestHash };
}

function outcomeOf(result: Checked): SubmissionDto {
  if (result.ok) {
    const { context, manifestHash } = result.value;
    return { messageId: context.messageId, manifestHash, status: 'submitted' };
  }
  const { names } = result.error;
  return {
    messageId: names?.messageId,
    manifestHash: names?.manifestHash,
    status: 'refused',
    problem: problemOf(result.error),
  };
}
