import { Controller, Inject, UseGuards } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type { ListRetentionRequest, ListRetentionResponse, RetentionCount } from '#contracts';
import type { Clock } from '#kernel';
import { CLOCK, CalledBy, ServiceCalls } from '#platform';
import { Looks } from '../append-entries/looks.js';
import { type RetentionData, classOf, erasabilityOf } from '../domain/retention.js';
import { ErasureStore } from '../infra/erasure-store.js';

export const RETENTION_DATA = Symbol('RetentionData');

/** The retention classes, and what of the log each of them keeps, leaves free and wants erased. */
@Controller()
@UseGuards(ServiceCalls)
@CalledBy('gateway')
export class ListRetentionController {
  constructor(
    @Inject(RETENTION_DATA) private readonly data: RetentionData,
    @Inject(ErasureStore) private readonly store: ErasureStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(Looks) private readonly looks: Looks,
  ) {}

  /**
   * Of the agency's own entries, or of all for a supervising authority. An entry counts from the beginning of its day, so that
   * the count of the last day runs ahead by hours. Errors: as `Looks.asked`, UNAVAILABLE.
   */
  @GrpcMethod('AuditService', 'listRetention')
  async listRetention({ count, ...who }: ListRetentionRequest): Promise<ListRetentionResponse> {
    const asked = await this.looks.asked(who, 'GET /v1/audit/retention', { count: String(count) });
    const { caller } = asked;
    const now = this.clock.now();
    const counts = new Map<string, RetentionCount>(
      this.data.classes.map(({ id }) => [id, { classId: id, kept: 0n, erasable: 0n, due: 0n }]),
    );
    const groups = count ? await this.store.counted(caller.supervising ? undefined : caller.agency) : [];
    for (const group of groups) {
      const found = counts.get(classOf(this.data, group, now)?.id ?? '');
      if (!found) continue;
      const erasability = erasabilityOf(this.data, group, now);
      found[erasability === 'for-good' ? 'kept' : erasability] += BigInt(group.count);
    }
    // The data themselves are no look at any entry.
    if (count) await this.looks.record(asked, { query: { list: 'retention' }, found: groups.length });
    return { dataJson: JSON.stringify(this.data), counts: count ? [...counts.values()] : [] };
  }
}
