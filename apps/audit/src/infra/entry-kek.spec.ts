import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { copyFile, link, mkdtemp, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { unwrap } from '#kernel';
import { EntryKek } from './entry-kek.js';

describe('the key that wraps entry secrets', () => {
  it('wraps as RFC 3394 §4.6 does', () => {
    const kek = new EntryKek(Buffer.from('000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F', 'hex'));
    const secret = Buffer.from('00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F', 'hex');
    const wrapped = kek.wrap(secret);
    expect(wrapped.toString('hex').toUpperCase()).toBe(
      '28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21',
    );
    expect(unwrap(kek.unwrap(wrapped))).toEqual(secret);
  });

  it('finds out a changed byte', () => {
    const kek = new EntryKek(randomBytes(32));
    const wrapped = kek.wrap(randomBytes(32));
    wrapped[5] = (wrapped[5] ?? 0) ^ 1;
    expect(kek.unwrap(wrapped)).toMatchObject({ ok: false, error: { code: 'LEAF_MISMATCH' } });
  });

  it('opens nothing that another key wrapped', () => {
    const wrapped = new EntryKek(randomBytes(32)).wrap(randomBytes(32));
    expect(new EntryKek(randomBytes(32)).unwrap(wrapped)).toMatchObject({ error: { code: 'LEAF_MISMATCH' } });
  });
});

describe('leaving an entry key', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'kek-'));
    path = join(folder, 'kek.jwk');
  });
  afterEach(() => rm(folder, { recursive: true }));

  const secret = randomBytes(32);

  it('wraps by the next key from then on, opens by both, and by the next alone in the end', async () => {
    const kek = await EntryKek.load(path);
    const [former, before] = [kek.id, kek.wrap(secret)];
    await kek.beginLeaving();
    expect(kek.formerId).toBe(former);
    expect(kek.id).not.toBe(former);
    const after = unwrap(kek.rewrap(before, former));
    expect(unwrap(kek.unwrap(before, former))).toEqual(secret);
    await kek.destroyFormer();
    expect(kek.unwrap(before, former)).toMatchObject({ error: { code: 'LEAF_MISMATCH' } });
    expect(unwrap(kek.unwrap(after, kek.id))).toEqual(secret);
    expect((await EntryKek.load(path)).id).toBe(kek.id);
    expect(await readdir(folder)).toEqual(['kek.jwk']);
  });

  it('wraps many secrets anew together as each by itself, and leaves out what does not unwrap', async () => {
    const kek = await EntryKek.load(path);
    const former = kek.id;
    const secrets = Array.from({ length: 5 }, () => randomBytes(32));
    const wrapped = secrets.map((one) => ({ wrapped: kek.wrap(one), kek: former }));
    await kek.beginLeaving();
    wrapped[2]!.wrapped[0]! ^= 1;
    wrapped[3] = { wrapped: kek.wrap(secrets[3]!), kek: 'unknown1' };
    const anew = kek.rewrapAll(wrapped);
    expect(anew.map((one) => one && unwrap(kek.unwrap(one, kek.id)))).toEqual(
      secrets.map((one, at) => (at === 2 || at === 3 ? undefined : one)),
    );
  });

  it('destroys no key that another instance made present meanwhile', async () => {
    const [slow, fast] = [await EntryKek.load(path), await EntryKek.load(path)];
    await slow.beginLeaving();
    await fast.beginLeaving();
    const wrapped = fast.wrap(randomBytes(32));
    await fast.destroyFormer();
    await slow.destroyFormer();
    const later = await EntryKek.load(path);
    expect(later.id).toBe(fast.id);
    expect(later.unwrap(wrapped).ok).toBe(true);
    expect(slow.formerId).toBeUndefined();
  });

  it('writes over the bytes of the former key', async () => {
    const kek = await EntryKek.load(path);
    const { k } = JSON.parse(await readFile(path, 'utf8')) as { k: string };
    // Another name of the same file, as somebody who looks at the disk has it.
    await link(path, join(folder, 'seen'));
    await kek.beginLeaving();
    await kek.destroyFormer();
    expect((await readFile(join(folder, 'seen'))).toString('latin1')).not.toContain(k.slice(0, 8));
  });

  it.each([
    ['when the next key is there', async () => undefined, true],
    ['when the former has its second name', () => link(path, `${path}.destroyed`), false],
    [
      'when the next has taken its place',
      async () => {
        await link(path, `${path}.destroyed`);
        await rename(`${path}.next`, path);
      },
      false,
    ],
    [
      'when the former is half written over',
      async () => {
        await copyFile(path, `${path}.destroyed`);
        await rename(`${path}.next`, path);
        await writeFile(`${path}.destroyed`, randomBytes(40));
      },
      false,
    ],
  ])('goes on after a stop %s', async (_name, stoppedAt, formerIsThere) => {
    const kek = await EntryKek.load(path);
    const former = kek.id;
    await kek.beginLeaving();
    await stoppedAt();
    const next = await EntryKek.load(path);
    expect(next.id).toBe(kek.id);
    expect(next.formerId).toBe(formerIsThere ? former : undefined);
    await next.destroyFormer();
    expect(await readdir(folder)).toEqual(['kek.jwk']);
    expect((await EntryKek.load(path)).id).toBe(kek.id);
  });
});
