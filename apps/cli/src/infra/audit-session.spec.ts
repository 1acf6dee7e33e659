import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type SigningKey, generateSigningKey, importVerificationKey, verifyStatement } from '#envelope';
import { type AgencyId, agencyId, unwrap } from '#kernel';
import type { BodyLine } from '../domain/body-line.js';
import { FakeHub } from '../testing/fake-hub.fixture.js';
import { SmallLog } from '../testing/small-log.fixture.js';
import { AuditSession } from './audit-session.js';

const log = SmallLog.ofSize(1_500);
const audience = 'urn:test:gateway';
const auditor = agencyId('A-TSV');

let hub: FakeHub;
let key: SigningKey;
let signing: SigningKey;

async function start(agency: AgencyId = auditor): Promise<void> {
  [key, signing] = await Promise.all([generateSigningKey(), generateSigningKey()]);
  hub = await FakeHub.start(log, { id: `${agency}:auditor`, kid: key.kid, jwk: key.publicJwk, audience });
}

beforeEach(() => start());
afterEach(() => hub.stop());

const open = (agency: AgencyId = auditor, clientKey = key): Promise<AuditSession> =>
  AuditSession.open({ agency, issuer: hub.url, audience, gateway: hub.url }, { client: clientKey, signing });

async function read(session: AuditSession, size: number): Promise<BodyLine[]> {
  const bodies: BodyLine[] = [];
  for await (const body of session.bodies(size)) bodies.push(body);
  return bodies;
}

describe('reading opened entries', () => {
  it('goes through all pages, with a nonce where identity service and edge want one', async () => {
    expect(await read(await open(), 1_500)).toEqual(log.bodies);
    expect(hub.asked).toEqual(['from=0&limit=500', 'from=625&limit=500', 'from=1250&limit=500']);
  });

  it('stops at the size of the checkpoint: the searches themselves make the log grow', async () => {
    expect(await read(await open(), 700)).toEqual(log.bodies.filter(({ index }) => index < 700));
    expect(hub.asked).toHaveLength(2);
  });

  it('asks to supervise as a supervising authority only', async () => {
    await read(await open(), 10);
    expect(hub.scopes).toEqual(['audit supervise']);
    await hub.stop();
    await start(agencyId('K-235'));
    await read(await open(agencyId('K-235')), 10);
    expect(hub.scopes).toEqual(['audit']);
  });

  it('uses one token as long as it lives', async () => {
    await read(await open(), 1_500);
    expect(hub.scopes).toHaveLength(1);
  });

  it('signs each question with the auditor’s own key: what is asked, for whose entries, by whom, once', async () => {
    const session = await open();
    hub.busyTimes = 1;
    await session.entries({ from: '0', limit: '10', loggedFrom: '2026-11-01T00:00:00Z', askedBy: 'w-1' });
    const verifier = unwrap(await importVerificationKey(signing.publicJwk));
    const looks = await Promise.all(
      hub.looks.map(async (look) => unwrap(await verifyStatement('audit-look', look, verifier))),
    );
    expect(looks.at(-1)).toMatchObject({
      call: 'GET /v1/audit/entries',
      query: { from: '0', limit: '10', loggedFrom: '2026-11-01T00:00:00.000Z' },
      scope: 'all',
      agency: auditor,
      worker: 'w-1',
    });
    expect(new Set(looks.map(({ jti }) => jti)).size).toBe(hub.looks.length);
  });

  it('waits where the edge says so', async () => {
    hub.busyTimes = 2;
    expect(await read(await open(), 100)).toHaveLength(80);
  });
});

describe('signing in', () => {
  it('fails with another key than the logged one', async () => {
    const session = await open(auditor, await generateSigningKey());
    await expect(read(session, 10)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  });

  it('fails where nothing answers', async () => {
    const settings = { agency: auditor, issuer: 'http://127.0.0.1:9', audience, gateway: hub.url };
    await expect(AuditSession.open(settings, { client: key, signing })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('sends no assertion in the clear to another machine', async () => {
    const settings = { agency: auditor, issuer: 'http://identity.example', audience, gateway: hub.url };
    await expect(AuditSession.open(settings, { client: key, signing })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});
