import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, test } from '@jest/globals';

const run = promisify(execFile);
const verifierSource = fileURLToPath(new URL('../go', import.meta.url));
const tesseraFsck = 'github.com/transparency-dev/tessera/cmd/fsck@v1.0.4';
const buildLimitMs = 120_000;
const runLimitMs = 30_000;

/** Where the built programs lie, for as long as the machine keeps its temporary files. */
export const goBinaries = mkdtempSync(join(tmpdir(), 'kotovayla-go-'));

// The machine's own Go, or none: no other toolchain is fetched.
const env = { ...process.env, GOBIN: goBinaries, GOTOOLCHAIN: 'local' };

async function go(args: readonly string[], cwd: string): Promise<string | undefined> {
  try {
    await run('go', args, { cwd, env, timeout: buildLimitMs });
    return undefined;
  } catch (error) {
    const { code, stderr } = error as { code?: string | number; stderr?: string };
    if (code === 'ENOENT') return 'Go is not on this machine';
    return `go ${args[0]} failed: ${(stderr ?? '').trim().split('\n').at(-1) ?? ''}`;
  }
}

/** Builds our verifier over golang.org/x/mod; gives the reason where that cannot be. */
export const buildVerifier = (): Promise<string | undefined> =>
  go(['build', '-o', join(goBinaries, 'verify-log'), '.'], verifierSource);

/** Fetches and builds tessera's fsck by the ordinary Go client; gives the reason where that cannot be. */
export const buildTesseraFsck = (): Promise<string | undefined> => go(['install', tesseraFsck], tmpdir());

/** A `describe` for a program; where it could not be built, one skipped test says why. */
export function describeGo(name: string, missing: string | undefined, fn: () => void): void {
  describe(name, () => {
    if (missing === undefined) fn();
    else test.skip(`skipped: ${missing}`, () => undefined);
  });
}

/** Everything that the program printed, whatever its exit code was. */
export async function output(program: string, args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run(join(goBinaries, program), args, { timeout: runLimitMs }).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return `${stdout}${stderr}`;
}
