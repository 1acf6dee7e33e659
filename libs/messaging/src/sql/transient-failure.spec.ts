import { describe, expect, it } from '@jest/globals';
import { AppError } from '#kernel';
import { TransientFailure, failureCode, isTransient } from './transient-failure.js';

const withCode = (code: string | number, extra: object = {}) => Object.assign(new Error('failed'), { code, ...extra });

describe('whose fault a failure is', () => {
  it.each([
    ['a lost connection to the database', withCode('08006')],
    ['too many connections', withCode('53300')],
    ['a database that shuts down', withCode('57P01')],
    ['a deadlock', withCode('40P01')],
    ['a serialization failure', withCode('40001')],
    ['a lock time-out', withCode('55P03')],
    ['a refused connection', withCode('ECONNREFUSED')],
    ['a connection that pg lost', new Error('Connection terminated unexpectedly')],
    ['a pool that is busy', new Error('timeout exceeded when trying to connect')],
    ['a service that is down', withCode(14, { metadata: {} })],
    ['a call over its deadline', withCode(4, { metadata: {} })],
    ['an AppError UNAVAILABLE', new AppError('UNAVAILABLE')],
    ['a stale directory', new AppError('DIRECTORY_STALE')],
    ['what a handler declares so', new TransientFailure('later')],
    ['a wrapped one', new Error('query failed', { cause: withCode('08006') })],
    ['one inside TypeORM’s error', Object.assign(new Error('query failed'), { driverError: withCode('57P03') })],
  ])('%s is not the message’s', (_what, error) => {
    expect(isTransient(error)).toBe(true);
  });

  it.each([
    ['a violated constraint', withCode('23505')],
    ['a statement that takes too long', withCode('57014')],
    ['a bug', new TypeError('undefined is not a function')],
    ['a refusal', new AppError('SIGNATURE_INVALID')],
    ['a gRPC refusal', withCode(3, { metadata: {} })],
    ['something that is no error', 'text'],
  ])('%s is the message’s', (_what, error) => {
    expect(isTransient(error)).toBe(false);
  });

  it('ends for an error that is its own cause', () => {
    const error = new Error('loop');
    error.cause = error;
    expect(isTransient(error)).toBe(false);
  });

  it('is kept as a code without the text, which may quote a value', () => {
    expect(failureCode(withCode('23505'))).toBe('23505');
    expect(failureCode(new AppError('SIGNATURE_INVALID', 'of 010190-901X'))).toBe('SIGNATURE_INVALID');
    expect(failureCode(new TypeError('010190-901X'))).toBe('TypeError');
    expect(failureCode('010190-901X')).toBe('UNKNOWN');
  });
});
