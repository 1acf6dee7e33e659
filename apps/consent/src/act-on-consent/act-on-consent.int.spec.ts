import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ConsentAct, ConsentActType } from '#envelope';
import { type ConsentId, FixedClock, newConsentId, newEventId, numericDate } from '#kernel';
import { Outbox } from '#messaging';
import { SCHEMA } from '../infra/database.js';
import { ConsentGround, type Instance } from '../testing/consent-ground.fixture.js';
import { byConsent, client, county, exchange, grants, municipality, now } from '../testing/facts.fixture.js';
import type { Party } from '../testing/parties.fixture.js';

class FailingOutbox extends Outbox {
  override enqueue(): Promise<void> {
    return Promise.reject(new Error('the outbox is full'));
  }
}

describe('withdrawing a consent', () => {
  const clock = new FixedClock(now);
  let ground: ConsentGround;
  let service: Instance;
  let consentId: ConsentId;

  beforeAll(async () => {
    ground = await ConsentGround.lay(clock);
    service = ground.instance();
  });
  afterAll(() => ground.clear());
  beforeEach(async () => {
    clock.set(now);
    ground.parties.revoked.clear();
    consentId = newConsentId();
    await service.record.record(ground.parties.municipality.id, await ground.parties.record({ id: consentId }));
  });

  const withdrawBy = async (party: Party, instance = service) =>
    instance.acts.act(party.id, await ground.parties.act(party, { consentId }));
  const withdrawals = async () =>
    (await ground.events()).filter(({ log }) => log?.consentId === consentId && log.type === 'consent-withdrawn');
  const stateOf = async () =>
    (await ground.rows<{ state: string }>('SELECT state FROM consent.consent WHERE consent_id = $1', [consentId]))[0]
      ?.state;

  it('answers with the moment from which no permit is given', async () => {
    clock.advance(5_000);
    const { effectiveAt, eventId, state } = await withdrawBy(ground.parties.municipality);
    expect(state).toBe('withdrawn');
    expect(effectiveAt).toEqual(clock.now());
    expect(await withdrawals()).toEqual([
      expect.objectContaining({
        state: 'withdrawn',
        parties: ['H-07', 'K-235'],
        log: expect.objectContaining({ eventId, actorWorker: 'worker-1', subjects: [client], at: effectiveAt }),
      }),
    ]);
    expect(await stateOf()).toBe('withdrawn');
  });

  it('is any party’s to tell', async () => {
    await expect(withdrawBy(ground.parties.county)).resolves.toMatchObject({ effectiveAt: now });
  });

  it('is answered as before when it comes again, by whomever', async () => {
    const first = await withdrawBy(ground.parties.municipality);
    clock.advance(60_000);
    expect(await withdrawBy(ground.parties.county)).toEqual(first);
    expect(await withdrawals()).toHaveLength(1);
  });

  it('happens once when it comes from two connections at the same moment', async () => {
    const other = ground.instance();
    const [one, two] = await Promise.all([
      withdrawBy(ground.parties.municipality),
      withdrawBy(ground.parties.county, other),
    ]);
    expect(one).toEqual(two);
    expect(await withdrawals()).toHaveLength(1);
  });

  it('still counts after a week in an agency’s outbox, and no longer', async () => {
    const iat = numericDate(now) - 7 * 86_400;
    const { municipality } = ground.parties;
    const late = await ground.parties.act(municipality, { consentId, iat: iat - 1 });
    await expect(service.acts.act(municipality.id, late)).rejects.toMatchObject({ code: 'MALFORMED' });
    const justInTime = await ground.parties.act(municipality, { consentId, iat });
    await expect(service.acts.act(municipality.id, justInTime)).resolves.toMatchObject({ effectiveAt: now });
  });

  it('ends every version, whichever the agency knew', async () => {
    const next = await ground.parties.record({ id: consentId, version: 2 });
    await service.record.record(ground.parties.municipality.id, next);
    await withdrawBy(ground.parties.municipality);
    expect(await stateOf()).toBe('withdrawn');
  });

  it('allows no further version', async () => {
    await withdrawBy(ground.parties.municipality);
    const next = await ground.parties.record({ id: consentId, version: 2 });
    await expect(service.record.record(ground.parties.municipality.id, next)).rejects.toMatchObject({
      code: 'CONSENT_WITHDRAWN',
    });
  });

  it('tells an agency that is no party the same as about a consent that does not exist', async () => {
    const { kela } = ground.parties;
    const unknown = await ground.parties.act(kela, { consentId: newConsentId() });
    await expect(withdrawBy(kela)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(service.acts.act(kela.id, unknown)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await stateOf()).toBe('active');
  });

  it('needs the signature of the agency that tells it', async () => {
    const { municipality, county } = ground.parties;
    const ofCounty = await ground.parties.act(county, { consentId });
    await expect(service.acts.act(municipality.id, ofCounty)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const forged = await ground.parties.act(county, { consentId, agency: municipality.id });
    await expect(service.acts.act(municipality.id, forged)).rejects.toMatchObject({
      code: 'SIGNATURE_INVALID',
    });
    expect(await stateOf()).toBe('active');
  });

  it('is undone when its event cannot be written in the same transaction', async () => {
    const failing = ground.instance({ outbox: new FailingOutbox(SCHEMA) });
    await expect(withdrawBy(ground.parties.municipality, failing)).rejects.toThrow('outbox');
    expect(await stateOf()).toBe('active');
    expect(await ground.rows('SELECT 1 FROM consent.consent_act WHERE consent_id = $1', [consentId])).toEqual([]);
  });
});

describe('an act about a consent', () => {
  const clock = new FixedClock(now);
  let ground: ConsentGround;
  let service: Instance;
  let consentId: ConsentId;

  beforeAll(async () => {
    ground = await ConsentGround.lay(clock);
    service = ground.instance();
  });
  afterAll(() => ground.clear());
  beforeEach(async () => {
    clock.set(now);
    ground.parties.suspended.clear();
    consentId = newConsentId();
    await service.record.record(
      municipality,
      await ground.parties.record({
        id: consentId,
        untilPlanEnds: true,
        grants: grants([12], { disclosers: [county] }),
      }),
    );
  });

  const actBy = async (
    party: Party,
    act: ConsentActType,
    changes: Partial<ConsentAct> = {},
  ): ReturnType<Instance['acts']['act']> =>
    service.acts.act(party.id, await ground.parties.act(party, { consentId, act, ...changes }));
  const asAuthority = { by: 'authority', reason: 'error' } as const;
  const released = async (): Promise<string> => {
    const [result] = await service.permit.permit([
      await ground.parties.release({ basis: [byConsent({}, consentId)], exchangeId: exchange(1) }),
    ]);
    return (await ground.read(result)).outcome;
  };
  const told = async (): Promise<[string | undefined, string][]> =>
    (await ground.events())
      .filter(({ log }) => log?.consentId === consentId)
      .map(({ log, state }) => [log?.type, state]);

  it('suspends until it is resumed, by who suspended it', async () => {
    const { municipality: collecting, county: disclosing } = ground.parties;
    await actBy(collecting, 'suspend');
    expect(await released()).toBe('CONSENT_INACTIVE');
    await expect(actBy(collecting, 'resume', { by: 'authority' })).rejects.toMatchObject({
      code: 'SUSPENDED_BY_ANOTHER',
    });
    await expect(actBy(disclosing, 'resume')).resolves.toMatchObject({ state: 'active' });
    expect(await released()).toBe('first');
    expect(await told()).toEqual([
      ['consent-recorded', 'active'],
      ['consent-suspended', 'suspended'],
      ['consent-resumed', 'active'],
    ]);
  });

  it('stays suspended while another’s suspension stands', async () => {
    const { municipality: collecting, county: disclosing } = ground.parties;
    await actBy(collecting, 'suspend');
    await actBy(disclosing, 'suspend', asAuthority);
    await expect(actBy(collecting, 'resume')).resolves.toMatchObject({ state: 'suspended' });
    expect(await released()).toBe('CONSENT_INACTIVE');
    await expect(actBy(disclosing, 'resume', { by: 'authority' })).resolves.toMatchObject({ state: 'active' });
    expect(await released()).toBe('first');
  });

  it.each([
    ['revoke', 'revoked', 'consent-revoked'],
    ['invalidate', 'invalidated', 'consent-invalidated'],
  ] as const)('%s ends it with its state', async (act, state, event) => {
    await expect(actBy(ground.parties.municipality, act, asAuthority)).resolves.toMatchObject({ state });
    expect(await released()).toBe('CONSENT_INACTIVE');
    await expect(actBy(ground.parties.municipality, 'resume')).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(await told()).toContainEqual([event, state]);
  });

  it('ends with the plan when the collecting agency says so', async () => {
    await expect(actBy(ground.parties.county, 'end-plan', { by: 'authority' })).rejects.toMatchObject({
      code: 'FORBIDDEN',
    });
    await expect(actBy(ground.parties.municipality, 'end-plan', { by: 'authority' })).resolves.toMatchObject({
      state: 'expired',
    });
    expect(await released()).toBe('CONSENT_EXPIRED');
  });

  it('keeps when the mandate was verified again', async () => {
    await actBy(ground.parties.municipality, 'verify-mandate', { by: 'authority' });
    expect(
      await ground.rows('SELECT state, mandate_verified_at AS at FROM consent.consent WHERE consent_id = $1', [
        consentId,
      ]),
    ).toEqual([{ state: 'active', at: now }]);
    expect(await told()).toContainEqual(['consent-mandate-verified', 'active']);
  });

  it('answers a withdrawal of what has ended otherwise with how it ended', async () => {
    const first = await actBy(ground.parties.municipality, 'revoke', asAuthority);
    clock.advance(60_000);
    expect(await actBy(ground.parties.county, 'withdraw')).toEqual(first);
  });

  it('tells with a withdrawal what had been opened before', async () => {
    await released();
    const { uses } = await actBy(ground.parties.county, 'withdraw');
    expect(uses).toEqual([
      expect.objectContaining({ exchangeId: exchange(1), recipient: municipality, version: 1, usedAt: now }),
    ]);
  });

  it('that comes again is answered as before, also when the state has changed since', async () => {
    const suspended = await ground.parties.act(ground.parties.municipality, { consentId, act: 'suspend' });
    const first = await service.acts.act(municipality, suspended);
    await actBy(ground.parties.municipality, 'resume');
    expect(await service.acts.act(municipality, suspended)).toEqual(first);
    expect(await released()).toBe('first');
  });

  it('is refused when its jti named another act', async () => {
    const jti = newEventId();
    await actBy(ground.parties.municipality, 'suspend', { jti });
    await expect(actBy(ground.parties.municipality, 'resume', { jti })).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('of a person is taken from an agency that is suspended, an act of its own is not', async () => {
    ground.parties.suspended.add(municipality);
    await expect(actBy(ground.parties.municipality, 'revoke', asAuthority)).rejects.toMatchObject({
      code: 'AGENCY_NOT_ONBOARDED',
    });
    await expect(actBy(ground.parties.municipality, 'withdraw')).resolves.toMatchObject({ state: 'withdrawn' });
  });
});

describe('the tables of consents', () => {
  let ground: ConsentGround;
  const consentId = newConsentId();

  beforeAll(async () => {
    ground = await ConsentGround.lay();
    const service = ground.instance();
    const { municipality } = ground.parties;
    await service.record.record(municipality.id, await ground.parties.record({ id: consentId }));
    await service.permit.permit([
      await ground.parties.release({
        basis: [
          {
            categories: [12],
            processing: { sender: '2016/679-6.1.e', recipient: '2016/679-6.1.e' },
            secrecyLift: { consent: { id: consentId, version: 1 } },
          },
        ],
      }),
    ]);
    await service.acts.act(municipality.id, await ground.parties.act(municipality, { consentId }));
  });
  afterAll(() => ground.clear());

  it.each([
    `UPDATE consent.consent SET state = 'active', ended_at = NULL`,
    `UPDATE consent.consent SET ended_at = ended_at + interval '1 hour'`,
    `DELETE FROM consent.consent_act`,
    `UPDATE consent.consent_act SET effective_at = now()`,
    `TRUNCATE consent.consent_act`,
    `UPDATE consent.proposal SET proposal = ''`,
    `DELETE FROM consent.subject_link`,
    `DELETE FROM consent.decider_exclusion`,
    `UPDATE consent.consent_version SET record = ''`,
    `DELETE FROM consent.consent_use`,
    `TRUNCATE consent.consent CASCADE`,
    `UPDATE consent.outbox SET payload = ''`,
  ])('refuse even their owner: %s', async (statement) => {
    await expect(ground.rows(statement)).rejects.toMatchObject({ code: '42501' });
  });

  it('keep a consent from being deleted with what belongs to it', async () => {
    // 23503: its versions stay, so it stays.
    await expect(ground.rows('DELETE FROM consent.consent')).rejects.toMatchObject({ code: '23503' });
  });

  it.each([
    'DELETE FROM consent.consent',
    'DELETE FROM consent.consent_version',
    `UPDATE consent.consent_use SET recipient = 'L-KELA'`,
    'DELETE FROM consent.consent_act',
    'DELETE FROM consent.proposal',
    'UPDATE consent.subject_link SET earlier = subject',
    'DELETE FROM consent.decider_exclusion',
    'UPDATE consent.outbox SET topic = topic',
    'DROP TRIGGER consent_keep_final ON consent.consent',
    'ALTER TABLE consent.consent DISABLE TRIGGER ALL',
  ])('are not the service’s to change: %s', async (text) => {
    await expect(ground.serviceConnection().query({ text })).rejects.toMatchObject({ code: '42501' });
  });
});
