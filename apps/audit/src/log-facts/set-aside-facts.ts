import { parseLogBody, statementHash } from '#envelope';
import { AppError, type Clock, newEventId, sha256, unwrap } from '#kernel';
import {
  type Discard,
  type EndedRecord,
  type RetriedRecord,
  type SetAsideDesk,
  type SetAsidePlace,
  type SetAsideRecord,
  checkDiscard,
  discardEvidence,
  discardToken,
} from '#messaging';
import type { Database, Logger } from '#platform';
import type { Appender } from '../append-entries/appender.js';
import { prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import {
  type QuarantinedFact,
  listQuarantined,
  quarantineDiscarded,
  quarantinedFact,
  quarantineRetried,
} from '../infra/consumed-facts.js';
import type { EntryKek } from '../infra/entry-kek.js';
import type { FactConsumer } from './fact-consumer.js';

/** What an operator can do about facts of which no entry could be made. */
export class SetAsideFacts implements SetAsideDesk {
  constructor(
    private readonly database: Database,
    private readonly consumer: FactConsumer,
    private readonly logger: Logger,
    private readonly log: { readonly appender: Appender; readonly kek: EntryKek; readonly clock: Clock },
  ) {}

  list(asked: { readonly taken: boolean; readonly limit: number }): Promise<readonly SetAsideRecord[]> {
    return listQuarantined(this.database, asked);
  }

  /** However often: its event has one leaf. */
  async retry(place: SetAsidePlace, id: string): Promise<RetriedRecord> {
    const fact = await this.find(place, id);
    if (fact.taken) return { result: 'taken', code: '' };
    if (fact.discarded) return { result: 'discarded', code: '' };
    const failure = await this.consumer.consumeAgain(fact.topic, fact.message);
    await quarantineRetried(this.database, id, failure);
    this.logger.info({ topic: fact.topic, record: id, failure }, 'record in quarantine tried again');
    return failure === undefined ? { result: 'taken', code: '' } : { result: 'refused', code: failure };
  }

  /**
   * The entry is durable before the record is counted no more: what breaks between leaves an entry too many, and none too few.
   * A producer whose event it was still lacks its leaf, and goes on saying so.
   */
  async discard(place: SetAsidePlace, id: string, discard: Discard): Promise<EndedRecord> {
    const { appender, kek, clock } = this.log;
    checkDiscard(discard);
    const { topic, partition, message, failure, taken, discarded } = await this.find(place, id);
    if (sha256(message.value) !== discard.hash) throw new AppError('CONFLICT', undefined, { field: 'hash' });
    if (taken) return { result: 'taken', eventId: '' };
    if (discarded) return { result: 'discarded', eventId: '' };
    const at = clock.now();
    const eventId = newEventId();
    const offset = message.offset.toString();
    const where = { place, consumer: topic, topic, partition, offset, setAsideAt: message.timestamp, code: failure };
    const token = discardToken({ ...where, ...discard }, at);
    const body = {
      v: 1,
      eventId,
      type: 'log-record-discarded',
      at: at.toISOString(),
      evidence: { [discardEvidence]: statementHash(token) },
      assertedBy: 'hub',
    };
    const entry = prepareOpaque(unwrap(parseLogBody(body)), kek, { tokens: { [discardEvidence]: token } });
    await appender.append(plainProposal([entry]));
    await quarantineDiscarded(this.database, id, discard, at);
    this.logger.info({ topic, record: id, eventId }, 'record in quarantine ended by an operator');
    return { result: 'discarded', eventId };
  }

  /** Errors: NOT_FOUND. */
  private async find(place: SetAsidePlace, id: string): Promise<QuarantinedFact> {
    const fact = place === 'quarantine' ? await quarantinedFact(this.database, id) : undefined;
    if (!fact) throw new AppError('NOT_FOUND');
    return fact;
  }
}
