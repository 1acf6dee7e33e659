import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FixedClock, type Thumbprint, unwrap } from '#kernel';
import { thumbprintOf } from '#envelope';
import { ReleaseKeyring } from './release-keyring.js';

let folder: string;
let clock: FixedClock;
const keyring = (): ReleaseKeyring => new ReleaseKeyring(join(folder, 'keys'), clock, 92);
const kidsOf = (ring: ReleaseKeyring): Promise<Thumbprint[]> =>
  Promise.all(ring.records().map(({ jwk }) => thumbprintOf(jwk)));

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'keyring-'));
  clock = new FixedClock(new Date('2026-01-31T12:00:00Z'));
});
afterEach(() => rm(folder, { recursive: true }));

describe('release keys', () => {
  it('are made for this month and the next, with a day of overlap', async () => {
    const ring = keyring();
    await ring.refresh();
    expect(ring.records().map(({ useFrom, useUntil, destroyAfter }) => [useFrom, useUntil, destroyAfter])).toEqual([
      ['2026-01-01T00:00:00.000Z', '2026-02-02T00:00:00.000Z', '2026-05-05T00:00:00.000Z'],
      ['2026-02-01T00:00:00.000Z', '2026-03-02T00:00:00.000Z', '2026-06-02T00:00:00.000Z'],
    ]);
  });

  it('stay the same over a restart', async () => {
    const before = keyring();
    await before.refresh();
    const after = keyring();
    await after.refresh();
    expect(await kidsOf(after)).toEqual(await kidsOf(before));
  });

  it('lie in files that only the service may read', async () => {
    await keyring().refresh();
    const files = await readdir(join(folder, 'keys'));
    expect(files).toEqual(['2026-01.json', '2026-02.json']);
    for (const file of files) expect((await stat(join(folder, 'keys', file))).mode & 0o777).toBe(0o600);
    expect((await stat(join(folder, 'keys'))).mode & 0o777).toBe(0o700);
  });

  it('open nothing that was sealed to another key', async () => {
    const ring = keyring();
    await ring.refresh();
    expect(ring.find('x'.repeat(43) as Thumbprint)).toMatchObject({ error: { code: 'RELEASE_KEY_UNKNOWN' } });
  });

  it('are destroyed when their time is over, for good and with nothing private left behind', async () => {
    const ring = keyring();
    await ring.refresh();
    const [kid] = await kidsOf(ring);
    if (!kid) throw new Error('no key');
    expect(unwrap(ring.find(kid)).key.kid).toBe(kid);
    clock.set(new Date('2026-05-05T00:00:00Z'));
    // Even before the next look at the folder.
    expect(ring.find(kid)).toMatchObject({ error: { code: 'RELEASE_KEY_DESTROYED' } });
    expect(await ring.refresh()).toEqual([kid]);
    const text = await readFile(join(folder, 'keys', '2026-01.json'), 'utf8');
    expect(text).not.toContain('"d"');
    expect(await readdir(join(folder, 'keys'))).not.toContain('2026-01.json.destroyed');
    const restarted = keyring();
    await restarted.refresh();
    expect(restarted.find(kid)).toMatchObject({ error: { code: 'RELEASE_KEY_DESTROYED' } });
    expect(await kidsOf(restarted)).not.toContain(kid);
  });

  it('finish a destruction that a crash interrupted', async () => {
    await keyring().refresh();
    await writeFile(join(folder, 'keys', '2025-09.json.destroyed'), 'private bytes');
    await keyring().refresh();
    expect(await readdir(join(folder, 'keys'))).not.toContain('2025-09.json.destroyed');
  });

  it('follow each other without a gap: on every day of a year there is one to seal to', async () => {
    const ring = keyring();
    await ring.refresh();
    for (let day = 0; day < 366; day++) {
      const now = clock.now().toISOString();
      const current = ring.records().filter(({ useFrom, useUntil }) => useFrom <= now && now < useUntil);
      expect(current.length).toBeGreaterThanOrEqual(1);
      clock.advance(86_400_000);
      await ring.refresh();
    }
  });
});
