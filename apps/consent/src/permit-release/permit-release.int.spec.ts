import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  checkPermit,
  grantEach,
  importVerificationKey,
  type MessageContext,
  readManifest,
  readReleaseRequest,
  verifyPermit,
} from '#envelope';
import { AppError, type ConsentId, err, FixedClock, newConsentId, numericDate, unwrap } from '#kernel';
import { SnapshotView } from '#platform';
import { ConsentGround, type Instance, type Released } from '../testing/consent-ground.fixture.js';
import { byConsent, byStatute, exchange, now, somebodyElse } from '../testing/facts.fixture.js';
import type { Party, ReleaseItem } from '../testing/parties.fixture.js';

describe('a permit', () => {
  const clock = new FixedClock(now);
  let ground: ConsentGround;
  let service: Instance;
  let consentId: ConsentId;

  beforeAll(async () => {
    ground = await ConsentGround.lay(clock);
    service = ground.instance();
  });
  afterAll(() => ground.clear());
  beforeEach(() => {
    clock.set(now);
    ground.parties.suspended.clear();
    ground.parties.revoked.clear();
    consentId = newConsentId();
  });

  const record = async (changes: Parameters<typeof ground.parties.record>[0] = {}): Promise<void> => {
    await service.record.record(
      ground.parties.municipality.id,
      await ground.parties.record({ id: consentId, ...changes }),
    );
  };
  const answer = (changes: Partial<MessageContext> = {}, request: Parameters<typeof ground.parties.release>[1] = {}) =>
    ground.parties.release({ basis: [byConsent({}, consentId)], ...changes }, request);
  const permit = async (...items: ReleaseItem[]): Promise<Released[]> =>
    Promise.all((await service.permit.permit(items)).map((result) => ground.read(result)));
  const outcomes = async (...items: ReleaseItem[]): Promise<string[]> =>
    (await permit(...items)).map(({ outcome }) => outcome);
  const uses = () =>
    ground.rows<{ exchange_id: string; recipient: string }>(
      'SELECT exchange_id, recipient FROM consent.consent_use WHERE consent_id = $1',
      [consentId],
    );

  it('is for this message, this request and the basis that the message states', async () => {
    await record();
    const item = await answer();
    const [result] = await service.permit.permit([item]);
    if (result?.result?.$case !== 'permit') throw new Error('refused');
    const key = unwrap(await importVerificationKey(ground.permitKey.publicJwk));
    const given = unwrap(await verifyPermit(result.result.value, key, clock.now()));
    const manifest = unwrap(readManifest(item.manifest));
    const releaseRequestHash = unwrap(readReleaseRequest(item.releaseRequest)).hash;
    expect(checkPermit(given, { manifest, releaseRequestHash })).toMatchObject({ ok: true });
    expect(given).toMatchObject({ use: 'first', iat: numericDate(now), exp: numericDate(now) + 10 });
  });

  it.each([
    ['60 s old', -60],
    ['60 s ahead', 60],
  ])('is given for a request that is %s by the clock of its agency', async (_what, seconds) => {
    await record();
    expect(await outcomes(await answer({}, { iat: numericDate(now) + seconds }))).toEqual(['first']);
  });

  it('counts one use for each exchange and recipient', async () => {
    await record();
    expect(await outcomes(await answer())).toEqual(['first']);
    expect(await outcomes(await answer({ exchangeId: exchange(2) }))).toEqual(['first']);
    expect(await uses()).toHaveLength(2);
  });

  it('for the same exchange again burns no second use, though the consent holds once', async () => {
    await record({ uses: { kind: 'once' } });
    const item = await answer();
    expect(await outcomes(item)).toEqual(['first']);
    expect(await outcomes(item)).toEqual(['repeat']);
    expect(await outcomes(await answer())).toEqual(['repeat']);
    expect(await uses()).toHaveLength(1);
  });

  it('is given once for a consent that holds once, also within one batch', async () => {
    await record({ uses: { kind: 'once' } });
    const items = await Promise.all([answer(), answer({ exchangeId: exchange(2) }), answer()]);
    expect(await outcomes(...items)).toEqual(['first', 'CONSENT_USED_UP', 'repeat']);
    expect(await uses()).toEqual([{ exchange_id: exchange(1), recipient: 'K-235' }]);
  });

  it('for the same exchange again, within one batch, takes no use from another', async () => {
    await record({ uses: { kind: 'repeated', max: 2 } });
    const items = await Promise.all([answer(), answer(), answer({ exchangeId: exchange(2) })]);
    expect(await outcomes(...items)).toEqual(['first', 'repeat', 'first']);
  });

  it('under two consents of which the exchange has used one already counts a first use of the other', async () => {
    await record();
    const second = newConsentId();
    const { municipality, county } = ground.parties;
    const grants = grantEach([11], { disclosers: [county.id], recipients: [municipality.id] });
    await service.record.record(municipality.id, await ground.parties.record({ id: second, grants }));
    expect(await outcomes(await answer())).toEqual(['first']);
    const both = await answer({
      basis: [byConsent({ categories: [11] }, second), byConsent({ categories: [12] }, consentId)],
      categories: [11, 12],
    });
    expect(await outcomes(both, both)).toEqual(['first', 'repeat']);
  });

  it('counts no use of a message that is refused for another part of its basis', async () => {
    await record({ uses: { kind: 'once' } });
    const half = await answer({
      basis: [byConsent({}, consentId), byStatute({}, '621/1999-26')],
      categories: [11, 12],
    });
    expect(await outcomes(half)).toEqual(['STATUTE_NOT_APPLICABLE']);
    expect(await uses()).toEqual([]);
  });

  it('is refused after the withdrawal, for good', async () => {
    await record();
    const { municipality } = ground.parties;
    await service.acts.act(municipality.id, await ground.parties.act(municipality, { consentId }));
    expect(await permit(await answer())).toEqual([
      { outcome: 'CONSENT_WITHDRAWN', final: true, iat: numericDate(now) },
    ]);
    expect(await uses()).toEqual([]);
  });

  it('is refused to the exchange that already had its use, once the consent is withdrawn', async () => {
    await record();
    expect(await outcomes(await answer())).toEqual(['first']);
    const { county } = ground.parties;
    await service.acts.act(county.id, await ground.parties.act(county, { consentId }));
    expect(await outcomes(await answer())).toEqual(['CONSENT_WITHDRAWN']);
  });

  it.each<[string, () => Promise<ReleaseItem>, string, boolean]>([
    ['an expired consent', async () => (clock.advance(91 * 86_400_000), answer()), 'CONSENT_EXPIRED', true],
    [
      'a wider category',
      () => answer({ basis: [byConsent({ categories: [11, 12] }, consentId)] }),
      'CONSENT_TOO_NARROW',
      true,
    ],
    ['another purpose', () => answer({ purpose: 'coordination' }), 'CONSENT_TOO_NARROW', true],
    ['another subject', () => answer({ subjects: [somebodyElse] }), 'CONSENT_TOO_NARROW', true],
    ['a recipient who is no party', () => answer({ recipient: ground.parties.kela.id }), 'NO_BASIS', true],
    ['a version to come', () => answer({ basis: [byConsent({}, consentId, 2)] }), 'NO_BASIS', true],
    ['a consent nobody knows', () => answer({ basis: [byConsent({}, newConsentId())] }), 'NO_BASIS', true],
  ])('is refused for %s', async (_what, item, outcome, final) => {
    await record();
    const refused = await permit(await item());
    expect(refused).toEqual([expect.objectContaining({ outcome, final })]);
    expect(await uses()).toEqual([]);
  });

  it('is refused under a superseded version', async () => {
    await record();
    await record({ version: 2 });
    expect(await outcomes(await answer())).toEqual(['CONSENT_SUPERSEDED']);
    expect(await outcomes(await answer({ basis: [byConsent({}, consentId, 2)] }))).toEqual(['first']);
  });

  it('is refused, but not for good, while the consent is suspended', async () => {
    await record();
    const { municipality } = ground.parties;
    const act = async (what: 'suspend' | 'resume') =>
      service.acts.act(municipality.id, await ground.parties.act(municipality, { consentId, act: what }));
    await act('suspend');
    expect(await permit(await answer())).toMatchObject([{ outcome: 'CONSENT_INACTIVE', final: false }]);
    expect(await uses()).toEqual([]);
    await act('resume');
    expect(await outcomes(await answer())).toEqual(['first']);
  });

  it('is refused, but not for good, before the consent begins', async () => {
    await record({ validFrom: new Date(now.getTime() + 60_000).toISOString() });
    const item = await answer();
    expect(await permit(item)).toMatchObject([{ outcome: 'CONSENT_NOT_YET_VALID', final: false }]);
    clock.advance(60_000);
    expect(await outcomes(item)).toEqual(['first']);
  });

  it('under a statute counts no use', async () => {
    expect(await outcomes(await answer({ basis: [byStatute()], categories: [11] }))).toEqual(['none']);
  });

  it('for a kind that needs no basis is given', async () => {
    expect(await outcomes(await answer({ kind: 'refusal', basis: [], categories: [] }))).toEqual(['none']);
  });

  describe('is not even thought of', () => {
    const refusedWith = async (item: ReleaseItem, code: string): Promise<void> => {
      await expect(service.permit.permit([item])).rejects.toMatchObject({ code });
      expect(await uses()).toEqual([]);
    };

    beforeEach(() => record());

    it('when the manifest was changed', async () => {
      const [item, other] = await Promise.all([answer(), answer({ purpose: 'coordination' })]);
      const [header, , signature] = item.manifest.split('.');
      const manifest = [header, other.manifest.split('.')[1], signature].join('.');
      await refusedWith({ ...item, manifest }, 'SIGNATURE_INVALID');
    });

    it('when the request was changed', async () => {
      const [item, later] = await Promise.all([answer(), answer({}, { iat: numericDate(now) + 1 })]);
      const [header, , signature] = item.releaseRequest.split('.');
      const releaseRequest = [header, later.releaseRequest.split('.')[1], signature].join('.');
      await refusedWith({ ...item, releaseRequest }, 'SIGNATURE_INVALID');
    });

    it('when manifest or request are none', async () => {
      const item = await answer();
      await refusedWith({ ...item, manifest: item.releaseRequest }, 'TYP_MISMATCH');
      await refusedWith({ ...item, releaseRequest: item.manifest }, 'TYP_MISMATCH');
    });

    it('when somebody else than the recipient asks', async () => {
      await refusedWith(await answer({}, { by: ground.parties.kela }), 'SIGNATURE_INVALID');
    });

    it('when the request is for another message', async () => {
      const [item, other] = await Promise.all([answer(), answer()]);
      await refusedWith({ ...item, releaseRequest: other.releaseRequest }, 'RELEASE_REQUEST_INVALID');
    });

    it.each([
      ['61 s old', -61],
      ['61 s ahead', 61],
    ])('when the request is %s', async (_what, seconds) => {
      await refusedWith(await answer({}, { iat: numericDate(now) + seconds }), 'RELEASE_REQUEST_INVALID');
    });

    it('when the sender’s key was revoked before it signed', async () => {
      const item = await answer();
      ground.parties.revoked.add(ground.parties.county.signing.kid);
      await refusedWith(item, 'KEY_REVOKED');
    });

    it('when the recipient’s key is revoked', async () => {
      const item = await answer();
      ground.parties.revoked.add(ground.parties.municipality.signing.kid);
      await refusedWith(item, 'KEY_REVOKED');
    });

    it('when the recipient is suspended', async () => {
      const item = await answer();
      ground.parties.suspended.add(ground.parties.municipality.id);
      await refusedWith(item, 'AGENCY_NOT_ONBOARDED');
    });

    it('by a stale directory', async () => {
      const stale = new SnapshotView(ground.parties.snapshot());
      stale.fresh = () => err(new AppError('DIRECTORY_STALE'));
      const item = await answer();
      await expect(ground.instance({ directory: stale }).permit.permit([item])).rejects.toMatchObject({
        code: 'DIRECTORY_STALE',
      });
    });
  });
});

describe('permit and withdrawal at the same moment', () => {
  let ground: ConsentGround;
  let consentId: ConsentId;
  let permitting: Instance;
  let withdrawing: Instance;

  beforeAll(async () => {
    ground = await ConsentGround.lay();
    permitting = ground.instance();
    withdrawing = ground.instance();
  });
  afterAll(() => ground.clear());
  beforeEach(() => agree());

  async function agree(): Promise<void> {
    consentId = newConsentId();
    const token = await ground.parties.record({ id: consentId });
    await permitting.record.record(ground.parties.municipality.id, token);
  }
  const answer = (exchangeNumber = 1) =>
    ground.parties.release({ basis: [byConsent({}, consentId)], exchangeId: exchange(exchangeNumber) });
  const permit = async (item: ReleaseItem): Promise<Released> => {
    const [result] = await permitting.permit.permit([item]);
    return ground.read(result);
  };
  const withdrawalBy = (party: Party) => ground.parties.act(party, { consentId });

  /** Runs both while the row is locked, in this order; they go on in it when the lock is gone. */
  async function queued<A, B>(first: () => Promise<A>, second: () => Promise<B>): Promise<[A, B]> {
    return ground.owner
      .transaction(async (blocker) => {
        await blocker.query('SELECT 1 FROM consent.consent WHERE consent_id = $1 FOR UPDATE', [consentId]);
        const one = first();
        await ground.untilWaiting(1);
        const two = second();
        await ground.untilWaiting(2);
        return { both: Promise.all([one, two]) };
      })
      .then(({ both }) => both);
  }

  it('the permit first: it is given, and the withdrawal is effective after it', async () => {
    const [item, later, token] = await Promise.all([answer(1), answer(2), withdrawalBy(ground.parties.municipality)]);
    const [given, { effectiveAt }] = await queued(
      () => permit(item),
      () => withdrawing.acts.act(ground.parties.municipality.id, token),
    );
    expect(given.outcome).toBe('first');
    expect(given.iat).toBeLessThanOrEqual(effectiveAt.getTime() / 1000);
    expect((await permit(later)).outcome).toBe('CONSENT_WITHDRAWN');
    expect((await permit(item)).outcome).toBe('CONSENT_WITHDRAWN');
  });

  it('the withdrawal first: no permit', async () => {
    const [item, token] = await Promise.all([answer(), withdrawalBy(ground.parties.county)]);
    const [, refused] = await queued(
      () => withdrawing.acts.act(ground.parties.county.id, token),
      () => permit(item),
    );
    expect(refused.outcome).toBe('CONSENT_WITHDRAWN');
  });

  it('in any order, many times: no use later than the withdrawal, no permit without its use', async () => {
    const seen = new Set<string>();
    for (let round = 0; round < 40; round++) {
      await agree();
      const [token, ...items] = await Promise.all([
        withdrawalBy(ground.parties.municipality),
        ...[1, 2, 3].map((n) => answer(n)),
      ]);
      const withdraw = (): Promise<{ effectiveAt: Date }> =>
        withdrawing.acts.act(ground.parties.municipality.id, token);
      const calls = items.map((item) => () => permit(item));
      const position = round % 4;
      const before = calls.slice(0, position).map((call) => call());
      const withdrawal = withdraw();
      const results = await Promise.all([...before, ...calls.slice(position).map((call) => call())]);
      const { effectiveAt } = await withdrawal;

      const permitted = results.filter(({ outcome }) => outcome === 'first');
      for (const { iat } of permitted) expect(iat).toBeLessThanOrEqual(effectiveAt.getTime() / 1000);
      for (const { outcome } of results) seen.add(outcome);
      const uses = await ground.rows<{ used_at: Date }>(
        'SELECT used_at FROM consent.consent_use WHERE consent_id = $1',
        [consentId],
      );
      expect(uses).toHaveLength(permitted.length);
      for (const { used_at } of uses) expect(used_at.getTime()).toBeLessThanOrEqual(effectiveAt.getTime());
      expect((await permit(items[0]!)).outcome).toBe('CONSENT_WITHDRAWN');
    }
    expect([...seen].sort()).toEqual(['CONSENT_WITHDRAWN', 'first']);
  });
});

describe('one consent for one time, asked for by two connections at the same moment', () => {
  let ground: ConsentGround;
  let instances: Instance[];

  beforeAll(async () => {
    ground = await ConsentGround.lay();
    instances = [ground.instance(), ground.instance()];
  });
  afterAll(() => ground.clear());

  async function race(exchanges: readonly number[]): Promise<{ outcomes: string[]; uses: number }> {
    const consentId = newConsentId();
    const token = await ground.parties.record({ id: consentId, uses: { kind: 'once' } });
    await instances[0]!.record.record(ground.parties.municipality.id, token);
    const items = await Promise.all(
      exchanges.map((n) => ground.parties.release({ basis: [byConsent({}, consentId)], exchangeId: exchange(n) })),
    );
    const results = await Promise.all(items.map((item, i) => instances[i % 2]!.permit.permit([item])));
    const read = await Promise.all(results.map(([result]) => ground.read(result)));
    const uses = await ground.rows('SELECT 1 FROM consent.consent_use WHERE consent_id = $1', [consentId]);
    return { outcomes: read.map(({ outcome }) => outcome).sort(), uses: uses.length };
  }

  it('is given to exactly one exchange, every time', async () => {
    for (let round = 0; round < 30; round++)
      expect(await race([1, 2])).toEqual({ outcomes: ['CONSENT_USED_UP', 'first'], uses: 1 });
  });

  it('is given twice to the same exchange, with one use, every time', async () => {
    for (let round = 0; round < 15; round++)
      expect(await race([1, 1])).toEqual({ outcomes: ['first', 'repeat'], uses: 1 });
  });

  it('does not deadlock when batches name the same consents in other orders', async () => {
    const ids = [newConsentId(), newConsentId(), newConsentId()];
    for (const id of ids)
      await instances[0]!.record.record(ground.parties.municipality.id, await ground.parties.record({ id }));
    const items = await Promise.all(
      ids.map((id, n) => ground.parties.release({ basis: [byConsent({}, id)], exchangeId: exchange(n) })),
    );
    for (let round = 0; round < 15; round++) {
      const [one, two] = await Promise.all([
        instances[0]!.permit.permit(items),
        instances[1]!.permit.permit(items.toReversed()),
      ]);
      expect([one, two].flat().every(({ result }) => result?.$case === 'permit')).toBe(true);
    }
  });
});
