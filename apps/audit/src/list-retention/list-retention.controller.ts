import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ListRetentionRequest, ListRetentionResponse, RetentionCount } from '#contracts';
import type { Clock } from '#kernel';
import { CLOCK } from '#platform';
import { type RetentionData, classOf, erasabilityOf } from '../domain/retention.js';
import { ErasureStore } from '../infra/erasure-store.js';

export const RETENTION_DATA = Symbol('RetentionData');

/** The retention classes, and what of the log each of them keeps, leaves free and wants erased. */
@Controller()
export class ListRetentionController {
  constructor(
    @Inject(RETENTION_DATA) private readonly data: RetentionData,
    @Inject(ErasureStore) private readonly store: ErasureStore,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** An entry counts from the beginning of its day, so that the count of the last day runs ahead by hours. */
  @GrpcMethod('AuditService', 'listRetention')
  async listRetention({ count }: ListRetentionRequest): Promise<ListRetentionResponse> {
    const now = this.clock.now();
    const counts = new Map<string, RetentionCount>(
      this.data.classes.map(({ id }) => [id, { classId: id, kept: 0n, erasable: 0n, due: 0n }]),
    );
    for (const group of count ? await this.store.counted() : []) {
      const found = counts.get(classOf(this.data, group, now)?.id ?? '');
      if (!found) continue;
      const erasability = erasabilityOf(this.data, group, now);
      found[erasability === 'for-good' ? 'kept' : erasability] += BigInt(group.count);
    }
    return { dataJson: JSON.stringify(this.data), counts: count ? [...counts.values()] : [] };
  }
}
