import { describe, expect, it } from '@jest/globals';
import { type AgencyKey, Snapshot } from '#contracts';
import { AppError, err, FixedClock } from '#kernel';
import { SnapshotView } from '#platform';
import { AgencyClients } from './agency-clients.js';

const now = new Date('2026-03-02T10:00:00Z');
const DAY_MS = 86_400_000;
const jwk = { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', alg: 'ES256' };

const key = (given: Partial<AgencyKey> = {}): Partial<AgencyKey> => ({
  agency: 'K-235',
  use: 'client-auth',
  kid: 'A'.repeat(43),
  jwkJson: JSON.stringify(jwk),
  notBefore: new Date(now.getTime() - DAY_MS),
  notAfter: new Date(now.getTime() + DAY_MS),
  ...given,
});

const viewOf = (agency: { kind?: string; status?: string }, keys: readonly Partial<AgencyKey>[]): SnapshotView =>
  new SnapshotView(
    Snapshot.fromPartial({ agencies: [{ id: 'K-235', kind: 'K', status: 'active', ...agency }], keys: [...keys] }),
  );

const clientOf = (agency: { kind?: string; status?: string } = {}, keys = [key()], id = 'K-235') =>
  new AgencyClients(viewOf(agency, keys), new FixedClock(now)).find(id);

describe('the client of an agency’s auditors', () => {
  const auditors = key({ use: 'auditor-auth', kid: 'B'.repeat(43) });

  it('has the auditors’ keys alone, and may look into the log and nothing else', async () => {
    const client = await clientOf({}, [key(), auditors], 'K-235:auditor');
    expect(client).toMatchObject({ client_id: 'K-235:auditor', scope: 'audit', dpop_bound_access_tokens: true });
    expect(client?.['jwks']).toEqual({ keys: [{ ...jwk, kid: 'B'.repeat(43), use: 'sig' }] });
  });

  it('of a supervising authority may supervise', async () => {
    expect((await clientOf({ kind: 'A' }, [auditors], 'K-235:auditor'))?.scope).toBe('audit supervise');
  });

  it.each<[string, Partial<AgencyKey>]>([
    ['revoked', { revokedAt: now }],
    ['past', { notAfter: now }],
    ['one that signs', { use: 'auditor-signing' }],
  ])('is none when the auditor’s key is %s', async (_what, given) => {
    expect(await clientOf({}, [{ ...auditors, ...given }], 'K-235:auditor')).toBeUndefined();
  });

  it('does not open the agency’s own client', async () => {
    expect(await clientOf({}, [auditors])).toBeUndefined();
  });
});

describe('the client of an agency', () => {
  it('has its logged client-authentication keys and may do nothing but client credentials with DPoP', async () => {
    expect(await clientOf()).toEqual({
      client_id: 'K-235',
      token_endpoint_auth_method: 'private_key_jwt',
      grant_types: ['client_credentials'],
      response_types: [],
      redirect_uris: [],
      scope: 'exchange',
      dpop_bound_access_tokens: true,
      id_token_signed_response_alg: 'ES256',
      jwks: { keys: [{ ...jwk, kid: 'A'.repeat(43), use: 'sig' }] },
    });
  });

  it('may not look into the log, nor supervise, whoever the agency is', async () => {
    expect((await clientOf({ kind: 'A' }))?.scope).toBe('exchange');
  });

  it.each(['onboarding', 'suspended'])('is none while the agency is %s', async (status) => {
    expect(await clientOf({ status })).toBeUndefined();
  });

  it.each<[string, Partial<AgencyKey>]>([
    ['for signing', { use: 'signing' }],
    ['revoked', { revokedAt: now }],
    ['past', { notAfter: now }],
    ['not yet valid', { notBefore: new Date(now.getTime() + 1) }],
  ])('is none when its only key is %s', async (_what, given) => {
    expect(await clientOf({}, [key(given)])).toBeUndefined();
  });

  it.each(['K-236', '', 'k-235', 'constructor', ':auditor', 'K-235:', 'K-235:auditor:auditor', 'K-235:clerk'])(
    'is none for %p',
    async (id) => {
      expect(await clientOf({}, [key()], id)).toBeUndefined();
    },
  );

  it('is none for an auditor that it does not have', async () => {
    expect(await clientOf({}, [key()], 'K-235:auditor')).toBeUndefined();
  });

  it('is not told from a stale directory', async () => {
    const view = viewOf({}, [key()]);
    view.fresh = () => err(new AppError('DIRECTORY_STALE'));
    await expect(new AgencyClients(view, new FixedClock(now)).find('K-235')).rejects.toMatchObject({
      code: 'DIRECTORY_STALE',
    });
  });

  it('cannot be changed here', async () => {
    const clients = new AgencyClients(viewOf({}, [key()]), new FixedClock(now));
    await expect(clients.upsert()).rejects.toThrow();
    await expect(clients.destroy()).rejects.toThrow();
  });
});
