import { describe, expect, it } from '@jest/globals';
import { unwrap } from '#kernel';
import { callerOf } from './caller.js';

const codeOf = (given: Parameters<typeof callerOf>[0]): string => {
  const caller = callerOf(given);
  return caller.ok ? 'OK' : caller.error.code;
};

describe('who asks the log', () => {
  it('is an agency, with its worker where one was named', () => {
    expect(unwrap(callerOf({ agency: 'K-235', supervising: false, worker: '' }))).toEqual({
      agency: 'K-235',
      supervising: false,
    });
    expect(unwrap(callerOf({ agency: 'A-TSV', supervising: true, worker: 'w-1' })).worker).toBe('w-1');
  });

  it.each(['K-235', 'H-03', 'T-01', 'L-KELA'])('does not supervise as %s', (agency) => {
    expect(codeOf({ agency, supervising: true })).toBe('FORBIDDEN');
  });

  it.each([
    ['no agency', { agency: '', supervising: false }],
    ['a worker with spaces', { agency: 'K-235', supervising: false, worker: 'Maija M' }],
  ])('is refused with %s', (_name, given) => {
    expect(codeOf(given)).toBe('MALFORMED');
  });
});
