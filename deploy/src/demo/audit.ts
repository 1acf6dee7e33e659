import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { compiled } from '../clone.js';
import type { Hub } from '../hub/hub.js';
import type { Stack } from '../stack.js';
import { poll } from './agency-system.js';
import { agencies } from './cast.js';
import type { LogOperator } from './log-operator.js';
import type { ExchangeRow, Narrator } from './narrator.js';
import { register } from './onboarding.js';

export interface LogSummary {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  readonly verifierKey: string;
}

interface ShownKey {
  readonly verifierKey: string;
  readonly untilSize?: number;
}

interface Reconciled {
  readonly producers: readonly { readonly producer: string; readonly upTo: number; readonly compared: number }[];
}

/** The command fails while a producer has not reported, and where anything is open. */
const notYet = (): undefined => undefined;

/** The auditor: a supervising authority with keys of its own, who works with the command line only. */
export class Auditor {
  private readonly vault: string[];
  /** The bundle of step 11, and whom it is judged by. */
  private evidence: { readonly file: string; readonly policy: readonly string[] } | undefined;

  constructor(
    private readonly stack: Stack,
    private readonly hub: Hub,
    private readonly narrator: Narrator,
  ) {
    this.vault = [
      '--agency',
      agencies.auditor.id,
      '--vault',
      stack.folder.within('auditor', 'auditor.vault'),
      '--key-file',
      stack.folder.within('auditor', 'auditor.vault-key'),
    ];
  }

  /** Keys made here, thumbprint entered by the operator, records published. */
  async join(): Promise<void> {
    mkdirSync(this.stack.folder.within('auditor'), { recursive: true, mode: 0o700 });
    const made = await this.kotovayla('auditor', 'keys', ...this.vault, '--json');
    const { thumbprint } = JSON.parse(made) as { thumbprint: string };
    await register(this.hub.directoryGrpc, agencies.auditor, thumbprint);
    await this.kotovayla('auditor', 'publish', ...this.vault);
    this.narrator.say(
      `${agencies.auditor.id}: keys made with the command line, thumbprint ${thumbprint.slice(0, 12)}… compared`,
    );
  }

  /** Step 9: export, verify; change one byte, verify again. @throws Error when the log does not verify */
  async audit(rows: readonly ExchangeRow[]): Promise<{ log: LogSummary; holds: (row: ExchangeRow) => boolean }> {
    const folder = this.stack.folder.within('auditor', 'export');
    // Entries of the last step may still be on their way into the log.
    const bodies = await poll(
      async () => {
        rmSync(folder, { recursive: true, force: true });
        await this.kotovayla('log', 'export', folder, ...this.vault);
        return exchangesOf(folder);
      },
      (found) => rows.every(({ id, logIndex }) => logIndex === undefined || found.get(logIndex)?.includes(id)),
      30_000,
      () => 'an exchange is missing in the export',
    );
    const verified = await this.kotovayla('verify', folder, '--verifier-key', this.hub.pins.LOG_VERIFIER_KEY);
    const [origin = '', size = '', root = ''] = readFileSync(join(folder, 'checkpoint'), 'utf8').split('\n');
    this.narrator.say(`the auditor lists and exports ${bodies.size} opened entries of a log of ${size}`);
    this.narrator.say(`kotovayla verify: ${lastLine(verified)}`);

    const restore = changeOneDigit(join(folder, 'bodies.jsonl'));
    const found = await this.kotovayla('verify', folder, '--verifier-key', this.hub.pins.LOG_VERIFIER_KEY).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    restore();
    if (found === undefined) throw new Error('kotovayla verify did not notice a changed byte');
    this.narrator.say(
      `one byte of the export changed: ${found.split('\n').find((line) => line.startsWith('FAULT')) ?? lastLine(found)}`,
    );
    return {
      log: { origin, size: Number(size), root, verifierKey: this.hub.pins.LOG_VERIFIER_KEY },
      holds: ({ id, logIndex }) => logIndex !== undefined && bodies.get(logIndex)?.includes(id) === true,
    };
  }

  /**
   * Every event of the hub's services has its leaf and every leaf its event, as far as the log went when it was exported.
   * @throws Error when they do not come to say so
   */
  async reconciled({ size }: LogSummary): Promise<void> {
    const state = await poll(
      () =>
        this.kotovayla('log', 'reconcile', ...this.vault, '--json').then(
          (said) => JSON.parse(said) as Reconciled,
          notYet,
        ),
      (found) => found !== undefined && found.producers.every(({ upTo }) => upTo >= size),
      60_000,
      () => 'the services do not say that their records are in the log',
    );
    const compared = state!.producers.map(({ producer, compared: entries }) => `${producer} ${entries}`);
    this.narrator.say(
      `kotovayla log reconcile: every event has its leaf and every leaf its event up to ${size}; compared: ${compared.join(', ')}`,
    );
  }

  /**
   * Step 11: what an auditor takes home. A client's account from the log, and one transfer with everything that proves it,
   * verified as somebody would who has nothing but that file and knows whom to trust as witnesses. @throws Error when a file does not prove what it should
   */
  async report(rows: readonly ExchangeRow[], policyFile: string): Promise<void> {
    const transfer = rows.find(({ basis, outcome }) => basis.includes('consent') && outcome.startsWith('answered'));
    if (transfer === undefined) throw new Error('no exchange on a consent was opened');
    const entry = exchangesOf(this.stack.folder.within('auditor', 'export')).get(transfer.logIndex!);
    const { subjects: [subject] = [] } = JSON.parse(entry ?? '{}') as { subjects?: string[] };
    if (subject === undefined) throw new Error('the entry names no subject');

    const page = this.stack.folder.within('auditor', 'client-account.pdf');
    const reported = JSON.parse(
      await this.kotovayla('report', subject, '--out', page, '--language', 'sv', ...this.vault, '--json'),
    ) as { disclosures: number; processing: number };
    this.narrator.say(
      `the auditor searches the log for one client and writes the account: ${reported.disclosures} disclosures, ${reported.processing} lines of processing in ${page}`,
    );

    const file = this.stack.folder.within('auditor', `evidence-${transfer.id.slice(-8)}.zip`);
    const policy = ['--policy', policyFile];
    const made = await this.kotovayla('evidence', transfer.id, '--out', file, ...policy, ...this.vault);
    this.narrator.say(`evidence of exchange ${transfer.id.slice(-8)}: ${firstLine(made)}`);
    const known = ['--verifier-key', this.hub.pins.LOG_VERIFIER_KEY, ...policy];
    const verified = await this.kotovayla('verify', file, ...known);
    const witnessed = verified.split('\n').find((line) => line.trimStart().startsWith('witnessed')) ?? '';
    this.evidence = { file, policy };
    this.narrator.say(`kotovayla verify ${basename(file)}, offline: ${lastLine(verified)}`);
    this.narrator.say(`  ${witnessed.trim().replace(/\s+/, ': ')}`);
    await this.exportEntries(subject);
  }

  /** All entries about one client of these days, with what proves that none was left out, verified as a stranger would. */
  private async exportEntries(subject: string): Promise<void> {
    const folder = this.stack.folder.within('auditor', 'entries');
    rmSync(folder, { recursive: true, force: true });
    const day = (days: number): string => new Date(Date.now() + days * 86_400_000).toISOString().slice(0, 10);
    const period = ['--from', day(-30), '--until', day(1)];
    const of = ['--of', subject, '--format', 'csv'];
    await this.kotovayla('log', 'entries', folder, ...period, ...of, ...this.vault);
    const verified = await this.kotovayla('verify', folder, '--verifier-key', this.hub.pins.LOG_VERIFIER_KEY);
    const entries = readFileSync(join(folder, 'entries.jsonl'), 'utf8').split('\n').length - 1;
    this.narrator.say(`${entries} entries about the client as JSON Lines and CSV in ${folder}`);
    this.narrator.say(`kotovayla verify ${basename(folder)}, offline: ${lastLine(verified)}`);
  }

  /**
   * Step 13: the log changes its key, and nobody else does anything. What was proved before still proves itself, and the log is whole
   * for who knows the key before and for who knows the new one. @throws Error when it is not
   */
  async keepProofs(operator: LogOperator): Promise<void> {
    const known = this.hub.pins.LOG_VERIFIER_KEY;
    await operator.announceNextKey();
    const [, next] = await this.keysInUse(2);
    const { GATEWAY_URL, LOG_ORIGIN } = this.hub.pins;
    const signatures = await poll(
      async () => {
        const note = await (await fetch(`${GATEWAY_URL}/log/checkpoint`)).text();
        return note.split('\n').filter((line) => line.startsWith(`\u2014 ${LOG_ORIGIN} `)).length;
      },
      (found) => found === 2,
      30_000,
      (found) => `the checkpoint has ${found} signatures of the log`,
    );
    this.narrator.say(
      `a next key of the log is announced in it (${idOf(next)}); ${signatures} keys sign the checkpoint`,
    );

    await operator.retirePresentKey();
    const [newest] = await this.keysInUse(1);
    if (newest === undefined || newest !== next) throw new Error('the next key has not taken over');
    this.narrator.say(`it has taken over; the key before (${idOf(known)}) is retired in the log and destroyed`);

    const folder = this.stack.folder.within('auditor', 'export-new-key');
    rmSync(folder, { recursive: true, force: true });
    await this.kotovayla('log', 'export', folder, ...this.vault);
    const whole = await Promise.all(
      [known, newest].map((key) => this.kotovayla('verify', folder, '--verifier-key', key)),
    );
    this.narrator.say(`kotovayla verify, by the key before and by the new one: ${lastLine(whole[0]!)}`);
    if (this.evidence === undefined) throw new Error('no evidence was kept');
    const { file, policy } = this.evidence;
    const kept = await this.kotovayla('verify', file, '--verifier-key', known, ...policy);
    this.narrator.say(`kotovayla verify ${basename(file)}, made before the change: ${lastLine(kept)}`);
  }

  /** Verifier keys that may sign the log, once there are so many. */
  private async keysInUse(count: number): Promise<string[]> {
    return poll(
      async () => {
        const { keys } = JSON.parse(await this.kotovayla('log', 'key', '--json')) as { keys: ShownKey[] };
        return keys.flatMap(({ verifierKey, untilSize }) => (untilSize === undefined ? [verifierKey] : []));
      },
      (inUse) => inUse.length === count,
      30_000,
      (inUse) => `the log has ${inUse.length} keys in use`,
    );
  }

  private kotovayla(...args: string[]): Promise<string> {
    return new Promise((resolve, reject) => {
      const child = spawn(process.execPath, [compiled('apps/cli/src/main.js'), ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, KOTOVAYLA_HUB: this.stack.folder.within('hub.json') },
      });
      let output = '';
      let errors = '';
      child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
      child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
      child.on('error', reject);
      child.on('close', (code) => {
        if (code === 0) resolve(output);
        else reject(new Error(`${output}${errors}`.trim() || `kotovayla ended with ${code}`));
      });
    });
  }
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';
const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';

/** Key id of a verifier key. */
const idOf = (verifierKey = ''): string => verifierKey.split('+')[1] ?? '';

/** Index of each opened entry to its body. */
function exchangesOf(folder: string): Map<number, string> {
  const lines = readFileSync(join(folder, 'bodies.jsonl'), 'utf8').split('\n').filter(Boolean);
  return new Map(
    lines.map((line) => {
      const { index, body } = JSON.parse(line) as { index: number; body: string };
      return [index, body];
    }),
  );
}

/**
 * Changes one digit in the middle of a file of JSON lines, so that each line stays JSON and only its meaning changes.
 *
 * @returns puts the file back
 */
function changeOneDigit(path: string): () => void {
  const original = readFileSync(path);
  const middle = Math.floor(original.length / 2);
  const at = original.findIndex((byte, index) => index >= middle && byte >= 0x32 && byte <= 0x37);
  if (at < 0) throw new Error('there is no digit to change');
  const changed = Buffer.from(original);
  changed[at]! ^= 0x01;
  writeFileSync(path, changed);
  return () => writeFileSync(path, original);
}
