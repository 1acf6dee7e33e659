import { beforeAll, describe, expect, it } from '@jest/globals';
import { canonicalJson, sha256, unwrap } from '#kernel';
import { type Party, codeOf, forgedJws, malleated, partsOf, partyOf, someHash, subject } from './envelope.fixture.js';
import {
  type StatementType,
  type Statements,
  readStatement,
  signStatement,
  statementHash,
  verifyStatement,
} from './index.js';

const id = '6f1c1d7e-56a5-4a3c-9e8b-000000000001';
const iat = 1_790_000_000;
const instant = '2026-09-01T10:00:00Z';
const later = '2027-09-01T10:00:00.123Z';

describe('statements', () => {
  let party: Party;
  let samples: Statements;

  beforeAll(async () => {
    party = await partyOf('K-235');
    const key = { jwk: party.signing.publicJwk, iat };
    const signed = { agency: party.agency, worker: 'w-1', jti: id, iat };
    samples = {
      outcome: {
        type: 'rejected',
        exchangeId: id,
        messageId: id,
        sender: party.agency,
        manifestHash: someHash('m'),
        code: 'NO_BASIS',
        detail: 'No basis that holds now covers this.',
        at: instant,
        receipt: { leafIndex: 7, inclusionProof: [`${'A'.repeat(43)}=`], checkpoint: 'log\n8\nAAAA\n\n— log AAAA\n' },
      } as unknown as Statements['outcome'],
      consent: {
        v: 1,
        id,
        version: 1,
        subject: subject.pseudonym,
        standing: 'adult',
        deciders: [
          {
            role: 'mandate',
            pseudonym: subject.pseudonym,
            reference: 'valtuus 12',
            verifiedAt: instant,
            validUntil: later,
          },
        ],
        collectingAgency: party.agency,
        grants: [{ category: 12, disclosers: ['H-03'], recipients: [party.agency] }],
        purposes: ['plan-making'],
        dataPeriod: { from: '2025-01-01', to: '2026-09-01' },
        uses: { kind: 'repeated', max: 3, frequency: { count: 1, per: 'month' } },
        validFrom: instant,
        validUntil: later,
        untilPlanEnds: true,
        method: 'oral-once',
        interpreter: true,
        witness: 'w-2',
        language: 'fa',
        noticeVersion: '2026-1',
        evidenceHash: someHash('e'),
        collectedAt: instant,
      } as unknown as Statements['consent'],
      'consent-proposal': {
        v: 1,
        id,
        subject: subject.pseudonym,
        standing: 'adult',
        collectingAgency: party.agency,
        wanted: [{ category: 12, disclosers: ['H-03'], recipients: [party.agency] }],
        purposes: ['plan-making'],
        uses: { kind: 'once' },
        validUntil: later,
        language: 'ar',
        noticeVersion: '2026-1',
        lapsesAt: later,
        createdAt: instant,
      } as unknown as Statements['consent-proposal'],
      'consent-act': {
        v: 1,
        consentId: id,
        version: 1,
        act: 'withdraw',
        by: 'subject',
        channel: 'telephone',
        agency: party.agency,
        worker: 'w-1',
        jti: id,
        iat,
      } as unknown as Statements['consent-act'],
      'subject-link': {
        v: 1,
        subject: subject.pseudonym,
        earlier: `p1.${'E'.repeat(42)}A`,
        agency: party.agency,
        worker: 'w-1',
        jti: id,
        iat,
      } as unknown as Statements['subject-link'],
      'decider-exclusion': {
        v: 1,
        subject: subject.pseudonym,
        decider: `p1.${'E'.repeat(42)}A`,
        reason: 'conflict-of-interest',
        agency: party.agency,
        worker: 'w-1',
        jti: id,
        iat,
      } as unknown as Statements['decider-exclusion'],
      'account-identification': {
        v: 1,
        subject: subject.pseudonym,
        viewer: `p1.${'E'.repeat(42)}A`,
        agency: party.agency,
        method: 'https://tunnistus.example',
        level: 'substantial',
        authTime: iat - 30,
        idTokenHash: someHash('i'),
        jti: id,
        iat,
      } as unknown as Statements['account-identification'],
      'consent-notice': {
        v: 1,
        type: 'consent-withdrawn',
        eventId: id.replaceAll('-', ''),
        consentId: id,
        version: 1,
        state: 'withdrawn',
        subject: subject.pseudonym,
        by: party.agency,
        at: instant,
      } as unknown as Statements['consent-notice'],
      'agency-key': { v: 1, agency: party.agency, use: 'signing', notBefore: instant, notAfter: later, ...key },
      'agency-key-revocation': { agency: party.agency, kid: party.signing.kid, at: instant, iat },
      mismatch: { manifestHash: someHash('m'), agency: party.agency, code: 'OPENED_MISMATCH', worker: 'w-1', iat },
      'report-decision': {
        eventId: 'ab'.repeat(16) as Statements['report-decision']['eventId'],
        agency: party.agency,
        subject: subject.pseudonym,
        outcome: 'refused',
        ground: 'danger',
        provision: '1050/2018-34',
        worker: 'w-17',
        iat,
      },
      'hub-key': { service: 'consent', use: 'permit', useFrom: instant, useUntil: later, ...key },
      'erasure-proposal': {
        v: 1,
        selection: { by: 'subject', subject: subject.pseudonym, from: '2026-01-01', to: '2026-09-01' },
        ground: 'unlawful',
        ...signed,
      },
      'erasure-approval': { v: 1, proposal: someHash('p'), targets: someHash('t'), count: 3, ...signed },
      'legal-hold': { v: 1, scope: { by: 'agency', agency: party.agency }, matter: 'Dnro 7/2026', ...signed },
      'disclosure-view': { v: 1, agency: party.agency, counterpart: 'H-03', viewHash: someHash('v'), iat },
      'legal-hold-lift': { v: 1, hold: someHash('h'), ...signed },
      'alert-act': { v: 1, alert: id.replaceAll('-', ''), act: 'close', reason: 'planned-work', ...signed },
      'alert-notice': {
        v: 1,
        alert: id.replaceAll('-', ''),
        rule: 'break-glass',
        by: party.agency,
        at: instant,
        look: '/v1/audit/break-glass',
      },
    } as unknown as Statements;
  });

  const types = [
    'outcome',
    'consent',
    'consent-proposal',
    'consent-act',
    'subject-link',
    'decider-exclusion',
    'account-identification',
    'consent-notice',
    'agency-key',
    'agency-key-revocation',
    'mismatch',
    'hub-key',
    'erasure-proposal',
    'erasure-approval',
    'legal-hold',
    'legal-hold-lift',
    'alert-act',
    'alert-notice',
  ] as const satisfies readonly StatementType[];

  const forged = (type: StatementType, payload: unknown): string =>
    forgedJws(
      { alg: 'ES256', kid: party.signing.kid, typ: `kotovayla-${type}+jws` },
      canonicalJson(payload),
      party.signing.privateKey,
    );
  const verifyForged = async (type: StatementType, changes: object): Promise<string> =>
    codeOf(await verifyStatement(type, forged(type, { ...samples[type], ...changes }), party.verification));

  describe.each(types)('%s', (type) => {
    it('is read and verified as it was signed', async () => {
      const token = await signStatement(type, samples[type], party.signing);
      expect(unwrap(await verifyStatement(type, token, party.verification))).toEqual(samples[type]);
      expect(unwrap(readStatement(type, token))).toEqual({ kid: party.signing.kid, payload: samples[type] });
    });

    it('keeps its name under another signature of the same text', async () => {
      const token = await signStatement(type, samples[type], party.signing);
      const again = await signStatement(type, samples[type], party.signing);
      expect(again).not.toBe(token);
      expect(statementHash(again)).toBe(statementHash(token));
      expect(statementHash(malleated(token))).toBe(statementHash(token));
      expect(statementHash(token)).toBe(sha256(token.slice(0, token.lastIndexOf('.'))));
    });

    it('does not pass for any other kind', async () => {
      const token = await signStatement(type, samples[type], party.signing);
      for (const other of types.filter((candidate) => candidate !== type)) {
        expect(codeOf(await verifyStatement(other, token, party.verification))).toBe('TYP_MISMATCH');
      }
    });

    it('has no member beside its own, and lacks none', async () => {
      expect(await verifyForged(type, {})).toBe('OK');
      expect(await verifyForged(type, { extra: 1 })).toBe('MALFORMED');
      const { payload } = partsOf(forged(type, samples[type]));
      const [first = ''] = Object.keys(payload as object);
      const without = Object.fromEntries(Object.entries(payload as object).filter(([name]) => name !== first));
      const optionalFirst = ['code'].includes(first);
      const code = codeOf(await verifyStatement(type, forged(type, without), party.verification));
      expect(code).toBe(optionalFirst && type === 'outcome' ? 'OK' : 'MALFORMED');
    });

    it('by another key', async () => {
      const stranger = await partyOf('L-KELA');
      const token = await signStatement(type, samples[type], stranger.signing);
      expect(codeOf(await verifyStatement(type, token, party.verification))).toBe('SIGNATURE_INVALID');
    });
  });

  it('is never signed when no reader would take it', async () => {
    const { consent } = samples;
    await expect(
      signStatement('consent', { ...consent, validUntil: consent.validFrom }, party.signing),
    ).rejects.toThrow(TypeError);
  });

  it.each([
    ['without an end', { validUntil: null }],
    ['that ends before it begins', { validUntil: '2026-01-01T00:00:00Z' }],
    ['with a time of its own zone', { validUntil: '2027-09-01T10:00:00+03:00' }],
    ['without category', { categories: [] }],
    ['without purpose', { purposes: [] }],
    ['without discloser', { disclosers: [] }],
    ['for an unknown number of uses', { uses: { kind: 'unlimited' } }],
    ['once, with a maximum', { uses: { kind: 'once', max: 2 } }],
    ['by an unknown role', { decidedBy: { role: 'neighbour' } }],
    ['about a plain identity code', { subject: '131052-9074' }],
    ['whose data period ends before it begins', { dataPeriod: { from: '2026-01-02', to: '2026-01-01' } }],
  ])('a consent %s', async (_name, change) => expect(await verifyForged('consent', change)).toBe('MALFORMED'));

  it.each([
    ['with a private member', { d: 'A'.repeat(43) }],
    ['for encryption, as signing key', { alg: 'ECDH-ES' }],
    ['of another curve', { crv: 'P-384' }],
  ])('a key record %s', async (_name, change) => {
    const jwk = { ...party.signing.publicJwk, ...change };
    expect(await verifyForged('agency-key', { jwk })).toBe('MALFORMED');
    expect(await verifyForged('hub-key', { jwk })).toBe('MALFORMED');
  });

  it('a receiving key record with a key that cannot receive', async () => {
    const ed = await partyOf('T-01', { alg: 'EdDSA' });
    expect(await verifyForged('agency-key', { use: 'receiving', jwk: ed.signing.publicJwk })).toBe('MALFORMED');
    expect(await verifyForged('agency-key', { use: 'receiving', jwk: ed.receiving.publicJwk })).toBe('OK');
    expect(await verifyForged('agency-key', { use: 'signing', jwk: ed.receiving.publicJwk })).toBe('MALFORMED');
  });

  it.each([
    ['before it was signed', '2026-09-01T09:59:59Z', 'MALFORMED'],
    ['after an overlap', '2026-10-01T10:00:00Z', 'OK'],
  ])('a key record that ends an earlier key %s', async (_name, until, code) => {
    const supersedes = { kid: party.signing.kid, until };
    expect(await verifyForged('agency-key', { supersedes, iat: Date.parse(instant) / 1_000 })).toBe(code);
  });

  it.each([
    [
      'by a period that ends before it begins',
      { by: 'subject', subject: subject.pseudonym, from: '2026-02-02', to: '2026-02-01' },
    ],
    ['by a plain identity code', { by: 'subject', subject: '131052-9074', from: '2026-01-01', to: '2026-02-01' }],
    ['of nothing', { by: 'indices', indices: [] }],
    [
      'of ranges that touch',
      {
        by: 'indices',
        indices: [
          { first: 1, last: 2 },
          { first: 3, last: 3 },
        ],
      },
    ],
    [
      'of ranges that fall',
      {
        by: 'indices',
        indices: [
          { first: 5, last: 5 },
          { first: 1, last: 1 },
        ],
      },
    ],
    ['of everything', { by: 'all' }],
  ])('an erasure %s', async (_name, selection) =>
    expect(await verifyForged('erasure-proposal', { selection })).toBe('MALFORMED'),
  );

  it.each([
    ['no class', []],
    ['a class twice', ['inquiry', 'inquiry']],
    ['all classes at once', '*'],
  ])('an erasure that accepts %s, or agrees to it', async (_name, acceptsUnconfirmed) => {
    expect(await verifyForged('erasure-proposal', { acceptsUnconfirmed })).toBe('MALFORMED');
    expect(await verifyForged('erasure-approval', { acceptsUnconfirmed })).toBe('MALFORMED');
  });

  it('an outcome with an unknown code', async () => {
    expect(await verifyForged('outcome', { code: 'toString' })).toBe('MALFORMED');
  });
});
