import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import { agencyId, AppError } from '#kernel';
import { lastValueFrom, of, throwError } from 'rxjs';
import { type Caller, callerKey } from '../authenticate-caller/caller.js';
import type { RefusalLog } from './refusal-log.js';
import { RefusalInterceptor } from './refusal.interceptor.js';

const caller: Caller = { agency: agencyId('K-235'), scopes: ['exchange'], look: '' };

describe('what a call was refused', () => {
  const record = jest.fn<RefusalLog['record']>();
  const interceptor = new RefusalInterceptor({ record } as unknown as RefusalLog);
  beforeEach(() => {
    record.mockReset();
    record.mockResolvedValue();
  });

  const answered = (outcome: unknown, by?: Caller): Promise<unknown> => {
    const context = { switchToHttp: () => ({ getRequest: () => ({ [callerKey]: by }) }) };
    const handle = () => (outcome instanceof Error ? throwError(() => outcome) : of(outcome));
    return lastValueFrom(interceptor.intercept(context as unknown as ExecutionContext, { handle }));
  };

  it('is logged and still thrown', async () => {
    const refused = new AppError('NO_BASIS');
    await expect(answered(refused, caller)).rejects.toBe(refused);
    expect(record).toHaveBeenCalledWith(caller.agency, [refused]);
  });

  it.each<[string, Error, Caller | undefined]>([
    ['a failure of ours', new AppError('UNAVAILABLE'), caller],
    ['a bug', new Error('bug'), caller],
    ['too many calls', new AppError('RATE_LIMITED'), caller],
    ['a call of nobody', new AppError('MALFORMED'), undefined],
  ])('is not %s', async (_what, error, by) => {
    await expect(answered(error, by)).rejects.toBe(error);
    expect(record).not.toHaveBeenCalled();
  });

  it('is nothing where the call succeeded', async () => {
    expect(await answered('answer', caller)).toBe('answer');
    expect(record).not.toHaveBeenCalled();
  });
});
