import { Inject, Injectable } from '@nestjs/common';
import { Submission, topics } from '#contracts';
import { type Manifest, readManifest } from '#envelope';
import { type AgencyId, AppError, type Clock, newEventId, problemOf, type Result } from '#kernel';
import { CLOCK, DirectoryWatch } from '#platform';
import { EdgePublisher } from '../infra/edge-publisher.js';
import { checkMessage, type SealedParts } from './check-message.js';
import type { SubmissionDto } from './submit-messages.dto.js';

/** Takes sealed messages: those that pass are durably in Kafka before the answer, those that do not are told why and logged. */
@Injectable()
export class SubmitMessages {
  constructor(
    @Inject(DirectoryWatch) private readonly directory: DirectoryWatch,
    @Inject(EdgePublisher) private readonly publisher: EdgePublisher,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * @returns one outcome per message, in order
   * @throws AppError of the refusal when the only message is refused; UNAVAILABLE when Kafka does not take them
   */
  async submit(caller: AgencyId, messages: readonly SealedParts[]): Promise<SubmissionDto[]> {
    const now = this.clock.now();
    const checked = await Promise.all(messages.map((parts) => checkMessage(parts, caller, this.directory, now)));
    const accepted = checked.flatMap((result, i) =>
      result.ok ? [{ manifest: result.value, parts: messages[i]! }] : [],
    );
    await Promise.all([
      this.publisher.publish(
        topics.submissions,
        accepted.map(({ manifest, parts }) => ({
          key: manifest.context.exchangeId,
          value: Submission.encode({ submissionId: newEventId(), agency: caller, ...parts, receivedAt: now }).finish(),
        })),
      ),
      this.publisher.refused(
        caller,
        checked.flatMap((result, i) => (result.ok ? [] : [{ code: result.error.code, messageId: idOf(messages[i]!) }])),
        now,
      ),
    ]);
    const [only] = checked;
    if (checked.length === 1 && only && !only.ok) throw only.error;
    return checked.map((result, i) => outcome(result, messages[i]!));
  }
}

const idOf = (parts: SealedParts): string | undefined => {
  const read = readManifest(parts.manifest);
  return read.ok ? read.value.context.messageId : undefined;
};

function outcome(result: Result<Manifest, AppError>, parts: SealedParts): SubmissionDto {
  if (!result.ok) return { messageId: idOf(parts), status: 'refused', problem: problemOf(result.error) };
  return { messageId: result.value.context.messageId, manifestHash: result.value.manifestHash, status: 'submitted' };
}
