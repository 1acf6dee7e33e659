import { describe, expect, it } from '@jest/globals';
import { AppError } from '#kernel';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { followRun } from './run-erasure.js';

type Answer = Record<string, unknown>;

const run = (state: string, members: Answer = {}): Answer => ({
  run: 'r'.repeat(43),
  state,
  startedAt: '2026-11-26T02:00:00.000Z',
  interruptions: 0,
  failures: 0,
  entries: 4,
  erased: 4,
  persons: 3,
  secrets: 10,
  rewrapped: 10,
  tombstones: [7],
  left: [],
  ...members,
});

/** A hub that gives these answers in turn: to what starts a run, and to what looks at it. */
async function follow(
  starts: readonly Answer[],
  looks: readonly (Answer | AppError)[],
  silentMs = 60_000,
): Promise<{ readonly outcome: CommandOutcome; readonly asked: string[] }> {
  const asked: string[] = [];
  const [toStart, toLook] = [[...starts], [...looks]];
  const session = {
    start: (path: string) => {
      asked.push(`POST ${path}`);
      return Promise.resolve(toStart.shift()!);
    },
    get: (path: string) => {
      asked.push(`GET ${path}`);
      const answer = toLook.shift()!;
      return answer instanceof AppError ? Promise.reject(answer) : Promise.resolve(answer);
    },
  };
  const outcome = await followRun(session, { worker: 'w-1' }, { askEveryMs: 0, silentMs });
  return { outcome, asked };
}

const startPath = 'POST v1/audit/erasures/runs?askedBy=w-1';
const lookPath = `GET v1/audit/erasures/runs/${'r'.repeat(43)}?askedBy=w-1`;

describe('a run that is looked on at', () => {
  it('is asked for until it is done', async () => {
    const { outcome, asked } = await follow([run('running', { erased: 0 })], [run('running'), run('done')]);
    expect(asked).toEqual([startPath, lookPath, lookPath]);
    expect(outcome).toMatchObject({ ok: true, data: { state: 'done', erased: 4, tombstones: [7] } });
  });

  it('that fails is a failure, with its code', async () => {
    const { outcome } = await follow([run('running')], [run('failed', { code: 'LEGAL_HOLD', entries: 0, erased: 0 })]);
    expect(outcome).toMatchObject({ ok: false, data: { code: 'LEGAL_HOLD' } });
  });

  it('and that was interrupted is started again', async () => {
    const { outcome, asked } = await follow(
      [run('running'), run('running', { interruptions: 1 })],
      [run('interrupted', { interruptions: 1 }), run('done', { interruptions: 1 })],
    );
    expect(asked).toEqual([startPath, lookPath, startPath, lookPath]);
    expect(outcome.ok).toBe(true);
  });

  it('and that waits after something broke is waited for, and goes on by itself', async () => {
    const waits = run('waiting', { failures: 1, code: 'INTERNAL', nextAttemptAt: '2026-11-26T02:00:01.000Z' });
    const { outcome, asked } = await follow([run('running')], [waits, waits, run('done', { failures: 1 })]);
    expect(asked).toEqual([startPath, lookPath, lookPath, lookPath]);
    expect(outcome.ok).toBe(true);
  });

  it('and that breaks again and again is somebody’s to look at', async () => {
    const waits = (failures: number) => run('waiting', { failures, code: 'INTERNAL' });
    const { outcome } = await follow([run('running')], [1, 2, 3, 4, 5].map(waits));
    expect(outcome).toMatchObject({ ok: false, data: { state: 'waiting', failures: 5, code: 'INTERNAL' } });
  });

  it('is no more started again where the service stops each time', async () => {
    const { outcome, asked } = await follow(Array<Answer>(20).fill(run('interrupted')), []);
    expect(asked.length).toBeLessThan(20);
    expect(outcome).toMatchObject({ ok: false, data: { state: 'interrupted' } });
  });

  it('is waited for while the hub is silent, for a time', async () => {
    const silent = new AppError('UNAVAILABLE');
    const { outcome } = await follow([run('running')], [silent, silent, run('done')]);
    expect(outcome.ok).toBe(true);
    await expect(follow([run('running')], Array<AppError>(50).fill(silent), -1)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
  });

  it('tells what it left and why beside what it erased', async () => {
    const left = [{ reason: 'LEGAL_HOLD', proposals: ['h'.repeat(43)], entries: 12 }];
    const { outcome } = await follow([run('done', { left })], []);
    expect(outcome).toMatchObject({ ok: true, data: { left } });
    expect(outcome.lines.join(' ')).toMatch(/12 entries \(LEGAL_HOLD\)/);
  });
});
