import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import {
  type DiscardSetAsideRequest,
  type DiscardSetAsideResponse,
  type ListSetAsideRequest,
  type ListSetAsideResponse,
  type RetrySetAsideRequest,
  type RetrySetAsideResponse,
} from '#contracts';
import { AppError } from '#kernel';
import type { SetAsidePlace } from '../inbox/discarded-record.js';
import type { SetAsideDesk } from '../inbox/set-aside-records.js';

/** The `SetAsideDesk` of a service. */
export const SET_ASIDE = Symbol('SetAsideDesk');

const MOST_LISTED = 500;

const isPlace = (place: string): place is SetAsidePlace => place === 'parked' || place === 'quarantine';

/** The operator's side of what a service could not work on. */
@Controller()
export class SetAsideController {
  constructor(@Inject(SET_ASIDE) private readonly desk: SetAsideDesk) {}

  @GrpcMethod('SetAsideService', 'listSetAside')
  async list({ limit, taken }: ListSetAsideRequest): Promise<ListSetAsideResponse> {
    const records = await this.desk.list({ taken, limit: Math.min(limit || MOST_LISTED, MOST_LISTED) });
    return {
      records: records.map(({ takenAt, discardedAt, ...record }) => ({
        ...record,
        takenAt: takenAt ?? undefined,
        discardedAt: discardedAt ?? undefined,
      })),
    };
  }

  @GrpcMethod('SetAsideService', 'retrySetAside')
  retry({ place, id }: RetrySetAsideRequest): Promise<RetrySetAsideResponse> {
    if (!isPlace(place)) throw new AppError('NOT_FOUND');
    return this.desk.retry(place, id);
  }

  @GrpcMethod('SetAsideService', 'discardSetAside')
  discard({ place, id, ...discard }: DiscardSetAsideRequest): Promise<DiscardSetAsideResponse> {
    if (!isPlace(place)) throw new AppError('NOT_FOUND');
    return this.desk.discard(place, id, discard);
  }
}
