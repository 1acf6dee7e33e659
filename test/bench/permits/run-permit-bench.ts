import { randomInt } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { newExchangeId, systemClock } from '#kernel';
import { ConsentGround, type Instance } from '../../../apps/consent/src/testing/consent-ground.fixture.js';
import { byConsent, recordOf } from '../../../apps/consent/src/testing/facts.fixture.js';
import type { ReleaseItem } from '../../../apps/consent/src/testing/parties.fixture.js';
import { interruption } from '../../../deploy/src/foreground.js';
import { Stack } from '../../../deploy/src/stack.js';
import { CpuMeter } from '../measure/cpu-meter.js';
import { showProgress } from '../measure/progress.js';
import { type PermitFigures, permitFigures, printed, type Round } from './permit-figures.js';
import { consentIdOf, storeConsents, subjectOf } from './stored-consents.js';

export interface PermitBenchOptions {
  /** Consents stored in the small and in the large database. */
  readonly stored: readonly [number, number];
  /** Batches that are measured over each. */
  readonly batches: number;
  /** File for the figures. */
  readonly json: string | undefined;
}

/** As many as exchange asks for at once. */
const BATCH = 64;
const WARM_UP = 5;
const DAY_MS = 86_400_000;

/** A service over a database with so many consents. */
interface Side {
  readonly stored: number;
  readonly ground: ConsentGround;
  readonly service: Instance;
  readonly rounds: Round[];
}

/** On a PostgreSQL of its own in a folder of its own, both removed at the end. Resolves to the exit code. */
export async function runPermitBench(options: PermitBenchOptions): Promise<number> {
  const interrupted = interruption();
  const stack = await Stack.start({
    dataFolder: mkdtempSync(join(tmpdir(), 'kotovayla-bench-')),
    // A permit needs the hub's database alone.
    environment: { KAFKA_BROKERS: 'none', AGENCIES_DATABASE_URL: 'none' },
    report: (line) => console.error(line),
  });
  Object.assign(process.env, stack.environment);
  try {
    return await Promise.race([benchOn(stack, options), interrupted]);
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return 1;
  } finally {
    await stack.remove();
  }
}

async function benchOn(stack: Stack, options: PermitBenchOptions): Promise<number> {
  const meter = new CpuMeter(new Map([['postgres', stack.supervisor.pidOf('postgres-hub')!]]), new Set());
  const sides = [await prepare(options.stored[0]), await prepare(options.stored[1])] as const;
  const progress = showProgress('batches', options.batches);
  for (let batch = -WARM_UP; batch < options.batches; batch += 1) {
    // By turns, so that what else the machine does weighs on both alike; who begins changes too.
    for (const side of batch % 2 === 0 ? sides : [...sides].reverse()) {
      const items = await releasesOf(side);
      const end = meter.begin();
      const before = process.cpuUsage();
      const permits = await side.service.permit.permit(items);
      const { user, system } = process.cpuUsage(before);
      const { wallMs, cpuMs } = end();
      if (permits.some(({ result }) => result?.$case !== 'permit')) throw new Error('a permit was refused');
      if (batch >= 0)
        side.rounds.push({
          permits: permits.length,
          wallMs,
          cpuMs: new Map([...cpuMs, ['consent', (user + system) / 1_000]]),
        });
    }
    if (batch >= 0) progress.done(batch + 1);
  }
  progress.end();
  const figures: PermitFigures = {
    bench: 'permits',
    at: new Date().toISOString(),
    machine: { cores: cpus().length, cpu: cpus()[0]?.model ?? '', node: process.versions.node },
    batch: BATCH,
    ...permitFigures(sides),
  };
  for (const line of printed(figures)) console.log(line);
  if (options.json !== undefined) writeFileSync(options.json, `${JSON.stringify(figures, undefined, 2)}\n`);
  for (const { ground } of sides) await ground.clear();
  return 0;
}

async function prepare(stored: number): Promise<Side> {
  const ground = await ConsentGround.lay();
  const now = systemClock.now().getTime();
  const record = recordOf({
    validFrom: new Date(now - DAY_MS).toISOString(),
    validUntil: new Date(now + 90 * DAY_MS).toISOString(),
    collectedAt: new Date(now - DAY_MS).toISOString(),
  });
  const token = await ground.parties.record(record);
  const progress = showProgress(`storing ${stored} consents`, stored);
  await storeConsents(ground.owner, { record, token }, stored, progress);
  progress.end();
  return { stored, ground, service: ground.instance(), rounds: [] };
}

/** Messages on consents anywhere among the stored ones, each in an exchange of its own: every permit counts a use. */
const releasesOf = ({ stored, ground: { parties } }: Side): Promise<ReleaseItem[]> =>
  Promise.all(
    Array.from({ length: BATCH }, () => {
      const number = randomInt(1, stored + 1);
      return parties.release({
        exchangeId: newExchangeId(),
        subjects: [subjectOf(number)],
        basis: [byConsent({}, consentIdOf(number))],
      });
    }),
  );
