import { execFile } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compiled } from '../clone.js';
import type { Hub } from '../hub/hub.js';
import type { Stack } from '../stack.js';
import { agencies } from './cast.js';
import type { Narrator } from './narrator.js';
import { register } from './onboarding.js';

const run = promisify(execFile);
const maxOutput = 64 * 1024 * 1024;

/**
 * Two supervising authorities have the entries about refused calls of a faulty system erased, which no floor keeps; then the
 * whole log is exported again and proved: a body or a tombstone for every index.
 */
export class Eraser {
  constructor(
    private readonly stack: Stack,
    private readonly hub: Hub,
    private readonly narrator: Narrator,
  ) {}

  /** @throws Error when afterwards the log does not verify */
  async erase(): Promise<void> {
    const [auditor, second] = [
      this.vaultOf(agencies.auditor.id, 'auditor'),
      this.vaultOf(agencies.approver.id, 'approver'),
    ];
    await this.join(second);
    const before = await this.export(auditor);
    const indices = before.bodies.filter(({ type }) => type === 'edge-refused').map(({ index }) => index);
    const { erasure } = await this.kotovayla<{ erasure: { proposal: string } }>(
      ...['erase', 'propose', ...auditor, '--worker', 'tarkastaja-1', '--ground', 'unlawful'],
      ...['--indices', indices.join(','), '--accept-unconfirmed', 'edge-refusal'],
    );
    await this.kotovayla(
      ...['erase', 'approve', erasure.proposal, ...second, '--worker', 'tarkastaja-2'],
      ...['--accept-unconfirmed', 'edge-refusal'],
    );
    const { erased, tombstones, destroyedKek, rewrapped } = await this.kotovayla<{
      erased: number;
      tombstones: number[];
      destroyedKek: string;
      rewrapped: number;
    }>('erase', 'run', ...auditor, '--worker', 'tarkastaja-1');
    const after = await this.export(auditor);
    const proved = await this.kotovayla<{ ok: boolean; erased: number; bodies: number }>(
      ...['verify', after.folder, '--verifier-key', this.hub.pins.LOG_VERIFIER_KEY],
    );
    if (erased !== indices.length || after.bodies.some(({ index }) => indices.includes(index)))
      throw new Error('an erased body is still there');
    this.narrator.say(
      `erased on the word of ${agencies.auditor.id} and ${agencies.approver.id}: ${erased} entries, tombstone ${tombstones.join(', ')}, ` +
        `key ${destroyedKek} destroyed, ${rewrapped} others wrapped anew; kotovayla verify: ` +
        `${proved.bodies} bodies open, ${proved.erased} erased, each named by a tombstone`,
    );
  }

  private vaultOf(agency: string, name: string): string[] {
    const file = (ending: string): string => this.stack.folder.within('auditor', `${name}.${ending}`);
    return ['--agency', agency, '--vault', file('vault'), '--key-file', file('vault-key')];
  }

  private async join(vault: readonly string[]): Promise<void> {
    const { thumbprint } = await this.kotovayla<{ thumbprint: string }>('auditor', 'keys', ...vault);
    await register(this.hub.directoryGrpc, agencies.approver, thumbprint);
    await this.kotovayla('auditor', 'publish', ...vault);
  }

  private async export(
    vault: readonly string[],
  ): Promise<{ folder: string; bodies: { index: number; type: string }[] }> {
    const folder = this.stack.folder.within('auditor', 'export-erasure');
    rmSync(folder, { recursive: true, force: true });
    await this.kotovayla('log', 'export', folder, ...vault);
    const lines = readFileSync(join(folder, 'bodies.jsonl'), 'utf8').split('\n').filter(Boolean);
    const bodies = lines.map((line) => {
      const { index, body } = JSON.parse(line) as { index: number; body: string };
      return { index, type: (JSON.parse(body) as { type: string }).type };
    });
    return { folder, bodies };
  }

  private async kotovayla<T>(...args: string[]): Promise<T> {
    const { stdout } = await run(process.execPath, [compiled('apps/cli/src/main.js'), ...args, '--json'], {
      env: { ...process.env, KOTOVAYLA_HUB: this.stack.folder.within('hub.json') },
      maxBuffer: maxOutput,
    }).catch((error: { stdout?: string; stderr?: string }) => {
      throw new Error(`kotovayla ${args.slice(0, 2).join(' ')}: ${error.stdout ?? ''}${error.stderr ?? ''}`.trim());
    });
    return JSON.parse(stdout) as T;
  }
}
