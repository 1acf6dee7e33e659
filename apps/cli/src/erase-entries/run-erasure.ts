import { setTimeout as delay } from 'node:timers/promises';
import { AppError, adviceOf, isErrorCode } from '#kernel';
import { indexOf, listOf, textIn, textOf, textsOf, unexpected } from '../domain/answer-members.js';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type Auditor, lookBy, lookingSession } from '../infra/acting-auditor.js';
import type { AuditSession } from '../infra/audit-session.js';
import type { HubSettings } from '../infra/hub-settings.js';
import { type Progress, progressBar } from '../infra/progress.js';

interface RunPatience {
  readonly askEveryMs: number;
  /** So long the hub may say nothing, as while its service starts again. */
  readonly silentMs: number;
}

const patience: RunPatience = { askEveryMs: 1_000, silentMs: 120_000 };
/** Services that stop again and again are somebody's to look at, and so is what breaks a run again and again. */
const mostInterruptions = 10;
const mostFailures = 4;

const why: Readonly<Record<string, string>> = {
  NOT_APPROVED: 'no second agency has approved it',
  LEGAL_HOLD: 'a legal hold covers entries of it',
  RETENTION_UNCONFIRMED: 'it rests on a class that nobody compared with the law, and that its proposer did not accept',
  ENTRY_KEPT: 'the floor of an entry is not reached, or another entry of the same consent is kept',
  TOO_FEW_PERSONS: 'so few persons’ entries would show which belong together; it waits for more',
};

/**
 * Has the hub erase what is approved, or attaches to the run that goes on, and looks on until it ends. A run that a stop of the
 * service interrupted is started again, which goes on with it; one that something broke goes on by itself. Errors: FORBIDDEN, UNAVAILABLE and TIMEOUT (the hub is silent;
 * the run goes on all the same).
 */
export async function runErasure(hub: HubSettings, auditor: Auditor): Promise<CommandOutcome> {
  return followRun(await lookingSession(auditor, hub), auditor, patience);
}

/** Errors: as `runErasure`. */
export async function followRun(
  session: Pick<AuditSession, 'get' | 'start'>,
  auditor: Pick<Auditor, 'worker'>,
  { askEveryMs, silentMs }: RunPatience,
): Promise<CommandOutcome> {
  const start = async (): Promise<Run> => runOf(await session.start(`v1/audit/erasures/runs${lookBy(auditor)}`));
  const look = async ({ run }: Run): Promise<Run> =>
    runOf(await session.get(`v1/audit/erasures/runs/${run}${lookBy(auditor)}`));
  const progress = progressBar();
  let run = await start();
  let heardAt = Date.now();
  try {
    for (let starts = 1; isGoingOn(run);) {
      show(run, progress);
      await delay(askEveryMs);
      try {
        if (run.state === 'interrupted') {
          if (starts > mostInterruptions) break;
          starts += 1;
          run = await start();
        } else run = await look(run);
        heardAt = Date.now();
      } catch (error) {
        const silent = error instanceof AppError && ['UNAVAILABLE', 'TIMEOUT'].includes(error.code);
        if (!silent || Date.now() - heardAt > silentMs) throw error;
      }
    }
  } finally {
    progress.stop();
  }
  return { ok: run.state === 'done', data: run, lines: [...outcomeLines(run), ...leftLines(run)] };
}

const isGoingOn = ({ state, failures }: Run): boolean =>
  state === 'running' || state === 'interrupted' || (state === 'waiting' && failures <= mostFailures);

function show({ entries, erased, secrets, rewrapped }: Run, progress: Progress): void {
  if (secrets > 0) progress.update('wrapping the others anew', rewrapped, secrets);
  else if (entries > 0) progress.update('erasing', erased, entries);
}

function outcomeLines(run: Run): string[] {
  if (run.state === 'interrupted')
    return [
      `Interrupted ${run.interruptions} times: ${run.erased} of ${run.entries} entries are erased. Start it again.`,
    ];
  const { code } = run;
  if (run.state === 'waiting')
    return [
      `${code ?? 'INTERNAL'}: it broke ${run.failures} times, ${run.erased} of ${run.entries} entries are erased. Mend the cause.`,
      `  it goes on by itself${run.nextAttemptAt === undefined ? '' : ` at ${run.nextAttemptAt}`}`,
    ];
  if (code !== undefined) {
    const begun =
      run.entries > 0 ? [`  ${run.erased} of ${run.entries} entries are erased. The next run ends it.`] : [];
    return [isErrorCode(code) ? `${code}: ${adviceOf(code)}` : code, ...begun];
  }
  return [
    `Erased ${run.erased} entries of ${run.persons} persons; tombstone ${run.tombstones.join(', ') || 'of an earlier run'}.`,
    ...(run.destroyedKek === undefined
      ? []
      : [`  key       ${run.destroyedKek} is destroyed; ${run.rewrapped} other entries are wrapped under a new one`]),
    ...(run.transportForgetsAt === undefined ? [] : [`  transport forgets by ${run.transportForgetsAt}`]),
    ...(run.failures === 0 ? [] : [`  it broke ${run.failures} times and went on`]),
    ...(run.interruptions === 0 ? [] : [`  it was interrupted ${run.interruptions} times and went on`]),
    'Backups from before open nothing any more: make one now.',
  ];
}

const leftLines = ({ left }: Run): string[] =>
  left.flatMap(({ reason, proposals, entries }) => [
    `  left      ${proposals.length} of ${entries} entries (${reason}): ${why[reason] ?? 'for another reason'}`,
    ...proposals.map((proposal) => `            ${proposal}`),
  ]);

type Run = ReturnType<typeof runOf>;

function runOf(answer: Record<string, unknown>) {
  const state = textOf(answer['state']);
  // What is unknown would be waited for without an end.
  if (!['running', 'interrupted', 'waiting', 'done', 'failed'].includes(state)) throw unexpected();
  const { tombstones } = answer;
  if (!Array.isArray(tombstones)) throw unexpected();
  return {
    run: textOf(answer['run']),
    state,
    startedAt: textOf(answer['startedAt']),
    endedAt: textIn(answer['endedAt']),
    interruptions: indexOf(answer['interruptions']),
    failures: indexOf(answer['failures']),
    nextAttemptAt: textIn(answer['nextAttemptAt']),
    entries: indexOf(answer['entries']),
    erased: indexOf(answer['erased']),
    persons: indexOf(answer['persons']),
    secrets: indexOf(answer['secrets']),
    rewrapped: indexOf(answer['rewrapped']),
    tombstones: tombstones.map(indexOf),
    destroyedKek: textIn(answer['destroyedKek']),
    transportForgetsAt: textIn(answer['transportForgetsAt']),
    code: textIn(answer['code']),
    left: listOf(answer['left']).map(({ reason, proposals, entries }) => ({
      reason: textOf(reason),
      proposals: textsOf(proposals),
      entries: indexOf(entries),
    })),
  };
}
