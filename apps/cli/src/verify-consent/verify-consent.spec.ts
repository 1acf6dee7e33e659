import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type ConsentRecord,
  exportConsentJsonLd,
  generateSigningKey,
  type JsonObject,
  type SigningKey,
  signStatement,
} from '#envelope';
import { agencyId, type ConsentId, type Pseudonym, unwrap } from '#kernel';
import { verifyConsent } from './verify-consent.js';

const record: ConsentRecord = {
  v: 1,
  id: '22222222-2222-4222-8222-222222222222' as ConsentId,
  version: 1,
  subject: `p1.${'A'.repeat(43)}` as Pseudonym,
  standing: 'adult',
  deciders: [{ role: 'self' }],
  collectingAgency: agencyId('K-235'),
  grants: [{ category: 12, disclosers: [agencyId('H-03')], recipients: [agencyId('K-235')] }],
  purposes: ['plan'],
  uses: { kind: 'once' },
  validFrom: '2026-11-25T10:00:00Z',
  validUntil: '2027-05-25T10:00:00Z',
  method: 'written',
  interpreter: false,
  language: 'fi',
  noticeVersion: '2026-1',
  collectedAt: '2026-11-25T10:00:00Z',
};

describe('kotovayla verify-consent', () => {
  const folder = mkdtempSync(join(tmpdir(), 'consent-'));
  let key: SigningKey;
  let token: string;
  let document: JsonObject;

  const file = (name: string, content: string | object): string => {
    const path = join(folder, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  const outcomeOf = async (content: string | object, jwk: object = key.publicJwk): Promise<unknown> => {
    const { ok, data } = await verifyConsent(file('consent', content), file('key.jwk', jwk));
    return ok || !('code' in data) ? ok : data.code;
  };

  beforeAll(async () => {
    key = await generateSigningKey();
    token = await signStatement('consent', record, key);
    document = unwrap(exportConsentJsonLd(token));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it('verifies a JWS, JSON-LD, and an agent’s export of either', async () => {
    expect([
      await outcomeOf(token),
      await outcomeOf(document),
      await outcomeOf({ token }),
      await outcomeOf({ document }),
    ]).toEqual([true, true, true, true]);
  });

  it('finds terms that were changed beside the signature', async () => {
    expect(await outcomeOf({ ...document, 'dct:hasVersion': 2 })).toBe('HASH_MISMATCH');
  });

  it('finds another agency’s signature', async () => {
    expect(await outcomeOf(token, (await generateSigningKey()).publicJwk)).toBe('SIGNATURE_INVALID');
  });

  it('finds what is no consent', async () => {
    expect(await outcomeOf('a.b')).toBe('MALFORMED');
    expect(await outcomeOf({})).toBe('MALFORMED');
  });
});
