import { AppError } from '#kernel';
import type { RetriedRecord, SetAsideDesk, SetAsidePlace, SetAsideRecord } from '#messaging';
import type { Database, Logger } from '#platform';
import { listQuarantined, quarantinedFact, quarantineRetried } from '../infra/consumed-facts.js';
import type { FactConsumer } from './fact-consumer.js';

/** What an operator can do about facts of which no entry could be made. */
export class SetAsideFacts implements SetAsideDesk {
  constructor(
    private readonly database: Database,
    private readonly consumer: FactConsumer,
    private readonly logger: Logger,
  ) {}

  list(asked: { readonly taken: boolean; readonly limit: number }): Promise<readonly SetAsideRecord[]> {
    return listQuarantined(this.database, asked);
  }

  /** However often: its event has one leaf. */
  async retry(place: SetAsidePlace, id: string): Promise<RetriedRecord> {
    const fact = place === 'quarantine' ? await quarantinedFact(this.database, id) : undefined;
    if (!fact) throw new AppError('NOT_FOUND');
    if (fact.taken) return { result: 'taken', code: '' };
    const failure = await this.consumer.consumeAgain(fact.topic, fact.message);
    await quarantineRetried(this.database, id, failure);
    this.logger.info({ topic: fact.topic, record: id, failure }, 'record in quarantine tried again');
    return failure === undefined ? { result: 'taken', code: '' } : { result: 'refused', code: failure };
  }
}
