import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type LogBody,
  bodyCommitment,
  commitmentKeyOf,
  openBody,
  openEvidence,
  parseLogBody,
  placeSaltsOf,
  sealingKeyOf,
} from '#envelope';
import { agencyId, newEventId, unwrap } from '#kernel';
import { openingOf, type EntryDraft, type OpaqueEntry } from '../append-entries/prepared-entry.js';
import { EntryKek } from '../infra/entry-kek.js';
// Threads run what is compiled.
import type { EntrySealer as Sealer } from './entry-sealer.js';

const kek = new EntryKek(randomBytes(32));
let sealer: Sealer;
let inPlace: Sealer;

beforeAll(async () => {
  const compiled = new URL('../../../../dist/apps/audit/src/seal-entries/entry-sealer.js', import.meta.url);
  const { EntrySealer } = (await import(compiled.href)) as typeof import('./entry-sealer.js');
  sealer = new EntrySealer(kek, { threads: 2 });
  inPlace = new EntrySealer(kek, { threads: 0 });
});
afterAll(() => sealer.close());

const draft = (n: number): EntryDraft => {
  const body = {
    v: 1,
    eventId: newEventId(),
    type: 'message-rejected',
    at: new Date().toISOString(),
    sender: 'K-235',
    subjects: [`p1.${Buffer.alloc(32, n).toString('base64url')}`],
    assertedBy: 'hub',
  };
  const tokens: EntryDraft['tokens'] = n % 2 === 0 ? { manifest: `a.${n}.c` } : {};
  return { body: unwrap(parseLogBody(body)), told: [agencyId('H-01')], tokens };
};

function opened({ sealed, chains }: OpaqueEntry): { body: LogBody; evidence: unknown } {
  const secret = unwrap(kek.unwrap(sealed.wrappedSecret, sealed.kek));
  const body = unwrap(openBody(sealed.body, sealingKeyOf(secret)));
  expect(bodyCommitment(body, commitmentKeyOf(secret))).toEqual(sealed.commitment);
  expect(placeSaltsOf(secret, chains.length)).toEqual(sealed.salts);
  return { body, evidence: sealed.evidence && unwrap(openEvidence(sealed.evidence, secret)) };
}

describe('an entry sealer', () => {
  it.each([1, 63, 64, 400])('seals %i entries, each in its place, on threads as without', async (count) => {
    const drafts = Array.from({ length: count }, (_, n) => draft(n % 256));
    for (const by of [sealer, inPlace]) {
      const entries = await by.seal(drafts);
      expect(entries.map(opened)).toEqual(
        drafts.map(({ body, tokens }) => ({ body, evidence: tokens?.['manifest'] === undefined ? undefined : tokens })),
      );
      expect(new Set(entries.map(({ sealed }) => sealed.wrappedSecret.toString('hex'))).size).toBe(count);
      for (const entry of entries) {
        const { body, commitmentKey } = openingOf(entry);
        expect(bodyCommitment(JSON.parse(body) as LogBody, commitmentKey)).toEqual(entry.sealed.commitment);
      }
    }
  });

  it('wraps under the key that wraps when it is asked', async () => {
    const former = kek.id;
    const drafts = Array.from({ length: 20 }, (_, n) => draft(n));
    const before = sealer.seal(drafts);
    await kek.beginLeaving();
    const after = await sealer.seal(drafts);
    expect(new Set((await before).map(({ sealed }) => sealed.kek))).toEqual(new Set([former]));
    expect(new Set(after.map(({ sealed }) => sealed.kek))).toEqual(new Set([kek.id]));
    expect([...(await before), ...after].map((entry) => opened(entry).body)).toHaveLength(40);
  });

  it('has nothing to do for no entries', async () => expect(await sealer.seal([])).toEqual([]));
});
