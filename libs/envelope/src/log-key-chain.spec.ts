import { createPrivateKey } from 'node:crypto';
import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { newEventId, sha256, type Thumbprint, unwrap } from '#kernel';
import {
  ed25519NoteSigner,
  formatCheckpoint,
  formatProof,
  leafHash,
  MemoryTree,
  openCheckpoint,
  signCheckpoint,
  verifierKey,
} from '#merkle';
import { exportPrivateJwk, generateSigningKey, type SigningKey } from './keys.js';
import { followLogKeys, formatLogKeyLinks, logKeyChain, type LogKeyLink, parseLogKeyLinks } from './log-key-chain.js';
import { decodeEntry, encodeClearEntry } from './log-entry.js';
import { LoggedKeys } from './logged-keys.js';
import { signStatement } from './statements.js';

const origin = 'log.test/keys';
const instant = '2026-11-26T08:00:00.000Z';

interface Key {
  readonly kid: Thumbprint;
  readonly jwk: SigningKey['publicJwk'];
  readonly text: string;
  readonly signer: ReturnType<typeof ed25519NoteSigner>;
}

async function newKey(): Promise<Key> {
  const key = await generateSigningKey('EdDSA');
  const privateKey = createPrivateKey({ key: { ...exportPrivateJwk(key) }, format: 'jwk' });
  const { kty, crv, x, alg } = key.publicJwk as { kty: 'OKP'; crv: 'Ed25519'; x: string; alg: 'EdDSA' };
  const signer = ed25519NoteSigner(origin, privateKey);
  return { kid: key.kid, jwk: { kty, crv, x, alg }, text: verifierKey(origin, privateKey), signer };
}

/** A log of nothing but what is said of its keys, and fillers. */
class Log {
  readonly tree = new MemoryTree();
  readonly entries: Buffer[] = [];
  readonly links: LogKeyLink[] = [];

  fill(count: number): void {
    for (let version = 1; version <= count; version += 1)
      this.put({ type: 'catalogue', version, hash: sha256('{}'), at: instant });
  }

  async say(
    said: { jwk: Key['jwk']; follows?: Thumbprint; retires?: Thumbprint; withdraws?: Thumbprint },
    signers: readonly [Key, ...Key[]],
  ): Promise<number> {
    const record = {
      service: 'audit',
      use: 'log',
      useFrom: instant,
      useUntil: '2036-11-26T08:00:00.000Z',
      iat: 1,
      ...said,
    };
    const index = this.put({
      type: 'hub-key',
      record: await signStatement('hub-key', record as never, await generateSigningKey()),
    });
    this.links.push(this.link(index, signers));
    return index;
  }

  link(index: number, signers: readonly [Key, ...Key[]]): LogKeyLink {
    const proof = this.tree.inclusionProof(index);
    const text = formatProof({ index, proof, checkpoint: this.checkpoint(...signers) });
    return { entry: this.entries[index] ?? Buffer.alloc(0), proof: text };
  }

  checkpoint(first: Key, ...more: Key[]): string {
    const text = formatCheckpoint({ origin, size: this.tree.size, root: this.tree.root() });
    return signCheckpoint(text, first.signer, ...more.map(({ signer }) => signer));
  }

  private put(record: Parameters<typeof encodeClearEntry>[1]): number {
    const entry = encodeClearEntry(newEventId(), record);
    this.entries.push(entry);
    return this.tree.append(leafHash(entry));
  }
}

const refused = (code: string): object => ({ ok: false, error: { code } });

describe('the keys of a log that has changed them twice', () => {
  let log: Log;
  let [first, second, third]: Key[] = [];
  let ended: { first: number; second: number };

  beforeEach(async () => {
    [first, second, third] = await Promise.all([newKey(), newKey(), newKey()]);
    log = new Log();
    await log.say({ jwk: first.jwk }, [first]);
    log.fill(3);
    await log.say({ jwk: second.jwk, follows: first.kid }, [first, second]);
    log.fill(2);
    const one = await log.say({ jwk: second.jwk, retires: first.kid }, [second]);
    await log.say({ jwk: third.jwk, follows: second.kid }, [second, third]);
    const two = await log.say({ jwk: third.jwk, retires: second.kid }, [third]);
    ended = { first: one, second: two };
    log.fill(5);
  });

  it.each(['the first', 'the second', 'the newest'])('are all found from %s', async (which) => {
    const anchor = { 'the first': first, 'the second': second, 'the newest': third }[which]!;
    const { keys } = unwrap(await followLogKeys(anchor.text, log.links));
    expect(keys.map((key) => [key.verifierKey, key.from, key.until])).toEqual([
      [first!.text, 0, ended.first],
      [second!.text, 5, ended.second],
      [third!.text, 9, Number.MAX_SAFE_INTEGER],
    ]);
  });

  it('are the same when the whole log is read instead of the links', async () => {
    const known = new LoggedKeys();
    for (const [index, entry] of log.entries.entries()) {
      const decoded = unwrap(decodeEntry(entry));
      if (decoded.kind === 'clear') await known.apply(decoded.record, index);
    }
    const read = unwrap(logKeyChain(first!.text, known.logKeys()));
    const followed = unwrap(await followLogKeys(first!.text, log.links));
    expect(read.keys.map(({ verifierKey: key, from, until }) => [key, from, until])).toEqual(
      followed.keys.map(({ verifierKey: key, from, until }) => [key, from, until]),
    );
  });

  it('open the newest checkpoint for who knows the first key alone, and no checkpoint by a retired key beyond its end', async () => {
    const keys = unwrap(await followLogKeys(first!.text, log.links));
    expect(openCheckpoint(log.checkpoint(third!), keys).ok).toBe(true);
    expect(openCheckpoint(log.checkpoint(first!), keys)).toMatchObject(refused('CHECKPOINT_INVALID'));
    expect(openCheckpoint(log.checkpoint(second!), keys)).toMatchObject(refused('CHECKPOINT_INVALID'));
  });

  it('are written down and read again', async () => {
    const links = unwrap(parseLogKeyLinks(formatLogKeyLinks(log.links)));
    expect((await followLogKeys(third!.text, links)).ok).toBe(true);
  });

  it('do not lead to a key that the log does not name', async () => {
    const stranger = await newKey();
    expect(await followLogKeys(stranger.text, log.links)).toMatchObject(refused('CHECKPOINT_INVALID'));
  });

  it('cannot be put in another order, told twice or cut out of the middle', async () => {
    const [a, b, c, d, e] = log.links as [LogKeyLink, LogKeyLink, LogKeyLink, LogKeyLink, LogKeyLink];
    for (const links of [
      [b, a, c, d, e],
      [a, b, b, c, d, e],
      [a, c, d, e],
      [a, b, d, d],
      [b, c, d, e],
    ])
      expect((await followLogKeys(first!.text, links)).ok).toBe(false);
  });

  it('take no changed byte of an entry or a proof', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(log.links.length - 1), fc.boolean(), fc.nat(), async (at, inEntry, place) => {
        const links = log.links.map(({ entry, proof }) => ({ entry: Buffer.from(entry), proof: Buffer.from(proof) }));
        const bytes = inEntry ? links[at]!.entry : links[at]!.proof;
        bytes[place % bytes.length]! ^= 1;
        const texts = links.map(({ entry, proof }) => ({ entry, proof: proof.toString('utf8') }));
        return !(await followLogKeys(first!.text, texts)).ok;
      }),
      { numRuns: 60 },
    );
  });
});

describe('a next key of a log', () => {
  let log: Log;
  let [first, next]: Key[] = [];

  beforeEach(async () => {
    [first, next] = await Promise.all([newKey(), newKey()]);
    log = new Log();
    await log.say({ jwk: first.jwk }, [first]);
  });

  it.each(['the key before it', 'itself'])('does not count under a checkpoint that %s did not sign', async (which) => {
    await log.say({ jwk: next!.jwk, follows: first!.kid }, [which === 'itself' ? first! : next!]);
    for (const anchor of [first!, next!])
      expect(await followLogKeys(anchor.text, log.links)).toMatchObject(refused('CHECKPOINT_INVALID'));
  });

  it('does not count where it says that it follows none, or another key than the newest', async () => {
    const known = new LoggedKeys();
    const stranger = await newKey();
    await log.say({ jwk: next!.jwk }, [first!, next!]);
    await log.say({ jwk: next!.jwk, follows: stranger.kid }, [first!, next!]);
    const applied = [];
    for (const [index, entry] of log.entries.entries()) {
      const decoded = unwrap(decodeEntry(entry));
      if (decoded.kind === 'clear') applied.push(await known.apply(decoded.record, index));
    }
    expect(applied).toMatchObject([{ ok: true }, refused('KEY_UNTRUSTED'), refused('KEY_UNTRUSTED')]);
    expect(known.logKeys().map(({ kid }) => kid)).toEqual([first!.kid]);
  });

  it('is not made by a thief of a retired key for who trusts the key after it', async () => {
    await log.say({ jwk: next!.jwk, follows: first!.kid }, [first!, next!]);
    const fork = new Log();
    const thief = await newKey();
    fork.entries.push(log.entries[0]!);
    fork.tree.append(leafHash(log.entries[0]!));
    fork.links.push(log.links[0]!);
    await fork.say({ jwk: thief.jwk, follows: first!.kid }, [first!, thief]);
    expect(await followLogKeys(next!.text, fork.links)).toMatchObject(refused('CHECKPOINT_INVALID'));
    expect(await followLogKeys(next!.text, [...log.links, ...fork.links.slice(1)])).toMatchObject({ ok: false });
  });

  it('is retired by no earlier key and by no stranger', async () => {
    const stranger = await newKey();
    await log.say({ jwk: next!.jwk, follows: first!.kid }, [first!, next!]);
    for (const [by, of] of [
      [first!, next!],
      [stranger, first!],
      [first!, first!],
    ] as const) {
      const links = log.links.length;
      await log.say({ jwk: by.jwk, retires: of.kid }, [first!, next!]);
      expect(await followLogKeys(first!.text, log.links)).toMatchObject(refused('KEY_UNTRUSTED'));
      log.links.splice(links);
    }
  });
});

describe('a log that says nothing of its keys', () => {
  it('is opened by the one that was configured', async () => {
    const key = await newKey();
    const log = new Log();
    log.fill(4);
    for (const chain of [unwrap(logKeyChain(key.text)), unwrap(await followLogKeys(key.text, []))])
      expect(openCheckpoint(log.checkpoint(key), chain)).toMatchObject({ ok: true, value: { size: 4 } });
  });
});

describe('a log key that is withdrawn before it takes over', () => {
  let log: Log;
  let [first, lost, third]: Key[] = [];
  let withdrawnAt: number;

  beforeEach(async () => {
    [first, lost, third] = await Promise.all([newKey(), newKey(), newKey()]);
    log = new Log();
    await log.say({ jwk: first.jwk }, [first]);
    await log.say({ jwk: lost.jwk, follows: first.kid }, [first, lost]);
    log.fill(3);
    withdrawnAt = await log.say({ jwk: first.jwk, withdraws: lost.kid }, [first]);
    log.fill(2);
  });
  const announceThird = (follows: Thumbprint, signers: readonly [Key, ...Key[]]): Promise<number> =>
    log.say({ jwk: third!.jwk, follows }, signers);

  it.each(['the first', 'the lost'])('counts for no checkpoint over that, for who knows %s', async (which) => {
    const anchor = which === 'the first' ? first! : lost!;
    const keys = unwrap(await followLogKeys(anchor.text, log.links));
    expect(keys.keys.map((key) => [key.verifierKey, key.from, key.until])).toEqual([
      [first!.text, 0, Number.MAX_SAFE_INTEGER],
      [lost!.text, 2, withdrawnAt],
    ]);
    expect(openCheckpoint(log.checkpoint(first!), keys).ok).toBe(true);
    expect(openCheckpoint(log.checkpoint(lost!), keys)).toMatchObject(refused('CHECKPOINT_INVALID'));
    expect(keys.keys.map(({ logged }) => logged?.retired?.withdrawn)).toEqual([undefined, true]);
  });

  it('is followed by another one under the key before, whose signature is needed and the lost one’s not', async () => {
    await announceThird(first!.kid, [first!, third!]);
    await log.say({ jwk: third!.jwk, retires: first!.kid }, [third!]);
    log.fill(1);
    for (const anchor of [first!, third!]) {
      const keys = unwrap(await followLogKeys(anchor.text, log.links));
      expect(openCheckpoint(log.checkpoint(third!), keys).ok).toBe(true);
      expect(openCheckpoint(log.checkpoint(lost!), keys)).toMatchObject(refused('CHECKPOINT_INVALID'));
    }
  });

  it('leads to no other key, retires none, and is not withdrawn under its own signature', async () => {
    const sound = [...log.links];
    await announceThird(lost!.kid, [lost!, third!]);
    expect(await followLogKeys(first!.text, log.links)).toMatchObject(refused('KEY_UNTRUSTED'));
    log.links.splice(0, log.links.length, ...sound);
    await log.say({ jwk: lost!.jwk, retires: first!.kid }, [lost!]);
    expect(await followLogKeys(first!.text, log.links)).toMatchObject(refused('KEY_UNTRUSTED'));
    const forged = log.link(withdrawnAt, [lost!]);
    expect(await followLogKeys(first!.text, [...sound.slice(0, 2), forged])).toMatchObject({ ok: false });
  });

  it('is none where it has taken over, or where the one that speaks was not the one before it', async () => {
    await announceThird(first!.kid, [first!, third!]);
    await log.say({ jwk: third!.jwk, retires: first!.kid }, [third!]);
    await log.say({ jwk: first!.jwk, withdraws: third!.kid }, [first!]);
    expect(await followLogKeys(first!.text, log.links)).toMatchObject(refused('KEY_UNTRUSTED'));
  });
});
