import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { statementHash } from '#envelope';
import { type ConsentId, FixedClock, newConsentId } from '#kernel';
import { ConsentGround, type Instance } from '../testing/consent-ground.fixture.js';
import {
  byConsent,
  client,
  county,
  daysLater,
  employmentAuthority,
  grants,
  kela,
  municipality,
  now,
  somebodyElse,
} from '../testing/facts.fixture.js';

describe('proposing a consent', () => {
  const clock = new FixedClock(now);
  let ground: ConsentGround;
  let service: Instance;
  let id: ConsentId;

  beforeAll(async () => {
    ground = await ConsentGround.lay(clock);
    service = ground.instance();
  });
  afterAll(() => ground.clear());
  beforeEach(() => {
    clock.set(now);
    id = newConsentId();
  });

  const propose = async (changes: Parameters<typeof ground.parties.proposal>[0] = {}): Promise<string> => {
    const token = await ground.parties.proposal({ id, ...changes });
    await service.propose.propose(municipality, token);
    return token;
  };
  const answer = async (token: string, changes: Parameters<typeof ground.parties.record>[0] = {}) =>
    service.record.record(
      municipality,
      await ground.parties.record({
        id,
        proposal: statementHash(token),
        collectedAt: clock.now().toISOString(),
        ...changes,
      }),
    );
  const listed = async (agency = municipality) =>
    (await service.list.list(agency, client)).consents.find(({ consentId }) => consentId === id);
  const told = async (): Promise<(string | undefined)[]> =>
    (await ground.events()).filter(({ log }) => log?.consentId === id).map(({ log }) => log?.type);
  const deny = async () =>
    service.acts.act(
      county,
      await ground.parties.act(ground.parties.county, { consentId: id, act: 'deny', version: 0 }),
    );

  it('is told to its parties, is logged, and is a basis for nothing', async () => {
    const token = await propose();
    expect((await ground.events()).filter(({ log }) => log?.consentId === id)).toEqual([
      expect.objectContaining({
        state: 'requested',
        parties: ['H-07', 'K-235'],
        log: expect.objectContaining({
          type: 'consent-requested',
          consentVersion: 0,
          evidence: [{ kind: 'consent-proposal', token }],
        }),
      }),
    ]);
    expect(await listed(county)).toMatchObject({ state: 'requested', version: 0, record: '', proposal: token });
    expect(await listed(kela)).toBeUndefined();
    const [result] = await service.permit.permit([await ground.parties.release({ basis: [byConsent({}, id)] })]);
    expect((await ground.read(result)).outcome).toBe('NO_BASIS');
  });

  it('is answered as before when it comes again, and takes no other under its id', async () => {
    const token = await propose();
    const [before] = await ground.rows('SELECT event_id FROM consent.proposal WHERE consent_id = $1', [id]);
    expect((await service.propose.propose(municipality, token)).eventId).toBe(before?.['event_id']);
    await expect(propose({ purposes: ['assessment'] })).rejects.toMatchObject({ code: 'CONSENT_ID_REUSED' });
  });

  it('becomes active by a yes to a part of it', async () => {
    const asked = { disclosers: [county], recipients: [municipality, employmentAuthority] };
    const token = await propose({ wanted: grants([11, 12], asked) });
    await expect(answer(token)).resolves.toMatchObject({ version: 1 });
    expect(await listed()).toMatchObject({ state: 'active', version: 1, proposal: token });
  });

  it('becomes nothing more than was asked', async () => {
    const token = await propose();
    await expect(answer(token, { grants: grants([11, 12]) })).rejects.toMatchObject({
      code: 'CONSENT_NOT_AS_PROPOSED',
      details: { fields: ['grants'] },
    });
    expect(await listed()).toMatchObject({ state: 'requested' });
  });

  it('is answered by a record that names it', async () => {
    await propose();
    const unnamed = ground.parties.record({ id });
    await expect(service.record.record(municipality, await unnamed)).rejects.toMatchObject({
      code: 'CONSENT_NOT_AS_PROPOSED',
    });
  });

  it('is refused by the client at any party, for good', async () => {
    const token = await propose();
    await expect(deny()).resolves.toMatchObject({ state: 'denied' });
    expect(await told()).toContain('consent-denied');
    await expect(answer(token)).rejects.toMatchObject({ code: 'CONSENT_INACTIVE' });
    expect(await listed()).toMatchObject({ state: 'denied', endedAt: now });
  });

  it('is taken back by who proposed it, and by nobody else', async () => {
    await propose();
    const cancel = (party: typeof ground.parties.county) =>
      ground.parties.act(party, { consentId: id, act: 'cancel', version: 0, by: 'authority' });
    await expect(service.acts.act(county, await cancel(ground.parties.county))).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    await expect(service.acts.act(municipality, await cancel(ground.parties.municipality))).resolves.toMatchObject({
      state: 'cancelled',
    });
    expect(await told()).toContain('consent-cancelled');
  });

  it('lapses when nobody answered in time', async () => {
    const token = await propose({ lapsesAt: daysLater(1).toISOString() });
    clock.set(daysLater(1));
    expect(await listed()).toMatchObject({ state: 'lapsed' });
    await expect(answer(token)).rejects.toMatchObject({ code: 'CONSENT_PROPOSAL_LAPSED' });
  });

  it('is the collecting agency’s alone', async () => {
    const token = await ground.parties.proposal({ id });
    await expect(service.propose.propose(county, token)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const forged = await ground.parties.proposal({ id }, ground.parties.county.signing);
    await expect(service.propose.propose(municipality, forged)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  it('never overtakes a consent that was recorded under its id', async () => {
    await service.record.record(municipality, await ground.parties.record({ id, subject: somebodyElse }));
    await expect(propose({ subject: somebodyElse })).rejects.toMatchObject({ code: 'CONSENT_ID_REUSED' });
  });
});
