import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { CompactSign, decodeJwt } from 'jose';
import { exportPrivateJwk, readManifest, signReleaseRequest } from '#envelope';
import {
  canonicalJson,
  type ConsentId,
  newConsentId,
  newEventId,
  newExchangeId,
  newMessageId,
  numericDate,
  sha256,
  unwrap,
} from '#kernel';
import { ConsentGround, type Instance } from '../testing/consent-ground.fixture.js';
import { ConsentProcess } from '../testing/consent-process.fixture.js';
import { byConsent, contextOf } from '../testing/facts.fixture.js';
import type { ReleaseItem } from '../testing/parties.fixture.js';

/** Rounds of each race: each is for a consent of its own. */
const USES = 2_000;
const WITHDRAWALS = 400;
/** Permits that a process is asked for by one call. */
const AT_ONCE = 20;

/** Two processes of the service over one PostgreSQL: what one of them holds in memory, the other never sees. */
describe('two processes', () => {
  let ground: ConsentGround;
  let recording: Instance;
  let processes: ConsentProcess[];

  beforeAll(async () => {
    ground = await ConsentGround.lay();
    recording = ground.instance();
    const setup = {
      databaseUrl: ground.serviceUrl,
      permitKey: exportPrivateJwk(ground.permitKey),
      snapshot: ground.parties.snapshot(),
    };
    processes = await Promise.all([ConsentProcess.start(setup), ConsentProcess.start(setup)]);
  });
  afterAll(async () => {
    await Promise.all(processes.map((one) => one.stop()));
    await ground.clear();
  });

  /** The county's answer under this consent in an exchange of its own, with the municipality's request to open it. */
  const answer = async (consentId: ConsentId): Promise<ReleaseItem> => {
    const { municipality, county } = ground.parties;
    const now = numericDate(new Date());
    const ids = { messageId: newMessageId(), exchangeId: newExchangeId() };
    const context = contextOf({ ...ids, basis: [byConsent({}, consentId)], iat: now, exp: now + 600 });
    const payload = { context, outerHash: sha256('outer'), capsuleHash: sha256('capsule') };
    const manifest = await new CompactSign(Buffer.from(canonicalJson(payload)))
      .setProtectedHeader({ alg: 'ES256', kid: county.signing.kid, typ: 'kotovayla-manifest+jws' })
      .sign(county.signing.privateKey);
    const { manifestHash } = unwrap(readManifest(manifest));
    const request = { manifestHash, agency: municipality.id, worker: 'w-1', jti: newEventId(), iat: now };
    return { manifest, releaseRequest: await signReleaseRequest(request, municipality.signing) };
  };

  /** Consents like one that was recorded, each under an id of its own. */
  const consents = async (many: number, uses: 'once' | 'repeated'): Promise<ConsentId[]> => {
    const model = newConsentId();
    const token = await ground.parties.record({ id: model, uses: { kind: uses } });
    await recording.record.record(ground.parties.municipality.id, token);
    const ids = Array.from({ length: many }, () => newConsentId());
    for (const table of ['consent', 'consent_version'])
      await ground.rows(
        `INSERT INTO consent.${table}
         SELECT copied.* FROM consent.${table} one, unnest($2::uuid[]) AS copy (id), jsonb_populate_record(one,
           jsonb_build_object('consent_id', copy.id) || CASE WHEN to_jsonb(one) ? 'payload'
             THEN jsonb_build_object('payload', to_jsonb(one)->'payload' || jsonb_build_object('id', copy.id))
             ELSE '{}' END) AS copied
         WHERE one.consent_id = $1`,
        [model, ids],
      );
    return ids;
  };

  const inParts = <T>(all: readonly T[], size: number): T[][] =>
    Array.from({ length: Math.ceil(all.length / size) }, (_, part) => all.slice(part * size, (part + 1) * size));

  const usesOf = async (ids: readonly ConsentId[]): Promise<readonly (readonly Date[])[]> => {
    const rows = await ground.rows<{ consent_id: string; used_at: Date }>(
      'SELECT consent_id::text, used_at FROM consent.consent_use WHERE consent_id = ANY($1::uuid[])',
      [ids],
    );
    return ids.map((id) => rows.flatMap(({ consent_id, used_at }) => (consent_id === id ? [used_at] : [])));
  };

  /** By what the tokens say; that they verify is the business of other tests. */
  const outcomes = (results: Awaited<ReturnType<ConsentProcess['permit']>>): string[] =>
    results.map(({ result }) => {
      const { use, code } = decodeJwt<{ use?: string; code?: string }>(result?.value ?? '');
      return (result?.$case === 'permit' ? use : code) ?? '';
    });

  it('of the operating system: neither is this one', () => {
    expect(new Set([process.pid, ...processes.map(({ pid }) => pid)]).size).toBe(3);
  });

  it('use a consent for one time at the same moment: exactly one wins, every time', async () => {
    const winners = [0, 0];
    for (const ids of inParts(await consents(USES, 'once'), AT_ONCE)) {
      const items = await Promise.all([0, 1].map(() => Promise.all(ids.map(answer))));
      // In opposite orders, and one of both in two parts, so that none is always first.
      const calls = [
        processes[0]!.permit(items[0]!),
        ...[items[1]!.slice(0, AT_ONCE / 2), items[1]!.slice(AT_ONCE / 2)]
          .reverse()
          .map((part) => processes[1]!.permit(part.toReversed())),
      ];
      const [one, last, first] = (await Promise.all(calls)).map(outcomes);
      const two = [...first!.toReversed(), ...last!.toReversed()];
      for (const [at, outcome] of one!.entries()) {
        expect([outcome, two[at]].sort()).toEqual(['CONSENT_USED_UP', 'first']);
        winners[outcome === 'first' ? 0 : 1]! += 1;
      }
      expect((await usesOf(ids)).map(({ length }) => length)).toEqual(ids.map(() => 1));
    }
    // Or it was no race.
    expect(Math.min(...winners)).toBeGreaterThan(0);
    expect(winners[0]! + winners[1]!).toBe(USES);
  }, 180_000);

  it('permit and withdraw at the same moment: no use later than the withdrawal, no permit without its use', async () => {
    const seen = new Map<string, number>();
    const { municipality } = ground.parties;
    for (const ids of inParts(await consents(WITHDRAWALS, 'repeated'), 4)) {
      const items = await Promise.all(ids.map(answer));
      const acts = await Promise.all(ids.map((consentId) => ground.parties.act(municipality, { consentId })));
      const permits = items.map((item) => () => processes[0]!.permit([item]));
      const withdrawals = acts.map((act) => () => processes[1]!.act(municipality.id, act));
      const results = await Promise.all(
        ids.map((_, at) =>
          at % 2 === 0
            ? Promise.all([permits[at]!(), withdrawals[at]!()])
            : Promise.all([withdrawals[at]!(), permits[at]!()]).then(([ended, given]) => [given, ended] as const),
        ),
      );
      const uses = await usesOf(ids);
      for (const [at, [given, effectiveAt]] of results.entries()) {
        const [outcome] = outcomes(given);
        seen.set(outcome!, (seen.get(outcome!) ?? 0) + 1);
        expect(uses[at]).toHaveLength(outcome === 'first' ? 1 : 0);
        for (const usedAt of uses[at]!) expect(usedAt.getTime()).toBeLessThanOrEqual(effectiveAt.getTime());
      }
      const afterwards = outcomes(await processes[0]!.permit(await Promise.all(ids.map(answer))));
      expect(afterwards).toEqual(ids.map(() => 'CONSENT_WITHDRAWN'));
    }
    expect([...seen.keys()].sort()).toEqual(['CONSENT_WITHDRAWN', 'first']);
  }, 180_000);
});
