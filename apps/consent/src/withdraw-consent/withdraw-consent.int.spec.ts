import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type ConsentId, FixedClock, newConsentId, numericDate } from '#kernel';
import { Outbox } from '#messaging';
import { SCHEMA } from '../infra/database.js';
import { ConsentGround, type Instance } from '../testing/consent-ground.fixture.js';
import { client, now } from '../testing/facts.fixture.js';
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
    instance.withdraw.withdraw(party.id, await ground.parties.withdrawal(party, { consentId }));
  const withdrawals = async () =>
    (await ground.events()).filter(({ log }) => log?.consentId === consentId && log.type === 'consent-withdrawn');
  const stateOf = async () =>
    (await ground.rows<{ state: string }>('SELECT state FROM consent.consent WHERE consent_id = $1', [consentId]))[0]
      ?.state;

  it('answers with the moment from which no permit is given', async () => {
    clock.advance(5_000);
    const { effectiveAt, eventId } = await withdrawBy(ground.parties.municipality);
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
    const late = await ground.parties.withdrawal(municipality, { consentId, iat: iat - 1 });
    await expect(service.withdraw.withdraw(municipality.id, late)).rejects.toMatchObject({ code: 'MALFORMED' });
    const justInTime = await ground.parties.withdrawal(municipality, { consentId, iat });
    await expect(service.withdraw.withdraw(municipality.id, justInTime)).resolves.toMatchObject({ effectiveAt: now });
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
    const unknown = await ground.parties.withdrawal(kela, { consentId: newConsentId() });
    await expect(withdrawBy(kela)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(service.withdraw.withdraw(kela.id, unknown)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await stateOf()).toBe('active');
  });

  it('needs the signature of the agency that tells it', async () => {
    const { municipality, county } = ground.parties;
    const ofCounty = await ground.parties.withdrawal(county, { consentId });
    await expect(service.withdraw.withdraw(municipality.id, ofCounty)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const forged = await ground.parties.withdrawal(county, { consentId, agency: municipality.id });
    await expect(service.withdraw.withdraw(municipality.id, forged)).rejects.toMatchObject({
      code: 'SIGNATURE_INVALID',
    });
    expect(await stateOf()).toBe('active');
  });

  it('is undone when its event cannot be written in the same transaction', async () => {
    const failing = ground.instance({ outbox: new FailingOutbox(SCHEMA) });
    await expect(withdrawBy(ground.parties.municipality, failing)).rejects.toThrow('outbox');
    expect(await stateOf()).toBe('active');
    expect(await ground.rows('SELECT 1 FROM consent.withdrawal WHERE consent_id = $1', [consentId])).toEqual([]);
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
    await service.withdraw.withdraw(municipality.id, await ground.parties.withdrawal(municipality, { consentId }));
  });
  afterAll(() => ground.clear());

  it.each([
    `UPDATE consent.consent SET state = 'active', withdrawn_at = NULL`,
    `UPDATE consent.consent SET withdrawn_at = withdrawn_at + interval '1 hour'`,
    `DELETE FROM consent.withdrawal`,
    `UPDATE consent.withdrawal SET effective_at = now()`,
    `TRUNCATE consent.withdrawal`,
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
    'DELETE FROM consent.withdrawal',
    'UPDATE consent.outbox SET topic = topic',
    'DROP TRIGGER consent_keep_withdrawn ON consent.consent',
    'ALTER TABLE consent.consent DISABLE TRIGGER ALL',
  ])('are not the service’s to change: %s', async (text) => {
    await expect(ground.serviceConnection().query({ text })).rejects.toMatchObject({ code: '42501' });
  });
});
