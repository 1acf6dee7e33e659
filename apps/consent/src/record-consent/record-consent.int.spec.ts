import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError, type ConsentId, err, FixedClock, newConsentId } from '#kernel';
import { Outbox } from '#messaging';
import { SnapshotView } from '#platform';
import { SCHEMA } from '../infra/database.js';
import { ConsentGround, type Instance } from '../testing/consent-ground.fixture.js';
import { client, county, grants, now } from '../testing/facts.fixture.js';

class FailingOutbox extends Outbox {
  override enqueue(): Promise<void> {
    return Promise.reject(new Error('the outbox is full'));
  }
}

describe('recording a consent', () => {
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
    id = newConsentId();
    ground.parties.suspended.clear();
    ground.parties.revoked.clear();
  });

  const byMunicipality = (token: string) => service.record.record(ground.parties.municipality.id, token);
  const eventsAbout = async () => (await ground.events()).filter(({ log }) => log?.consentId === id);

  it('answers with version, time and the event that the log will name', async () => {
    const token = await ground.parties.record({ id });
    const recorded = await byMunicipality(token);
    expect(recorded).toMatchObject({ consentId: id, version: 1, recordedAt: now });
    const [event, ...others] = await eventsAbout();
    expect(others).toEqual([]);
    expect(event).toMatchObject({
      state: 'active',
      parties: ['H-07', 'K-235'],
      log: {
        eventId: recorded.eventId,
        type: 'consent-recorded',
        subjects: [client],
        consentVersion: 1,
        receiptFor: 'K-235',
        evidence: [{ kind: 'consent', token }],
      },
    });
  });

  it('answers the same record as before, with one effect', async () => {
    const token = await ground.parties.record({ id });
    const first = await byMunicipality(token);
    expect(await byMunicipality(token)).toEqual(first);
    expect(await eventsAbout()).toHaveLength(1);
  });

  it('stores a first version once when it comes twice at the same moment', async () => {
    const token = await ground.parties.record({ id });
    const other = ground.instance();
    const [one, two] = await Promise.all([
      byMunicipality(token),
      other.record.record(ground.parties.municipality.id, token),
    ]);
    expect(one).toEqual(two);
    expect(await eventsAbout()).toHaveLength(1);
  });

  it('takes the next version, which replaces the one before', async () => {
    await byMunicipality(await ground.parties.record({ id }));
    await byMunicipality(await ground.parties.record({ id, version: 2, grants: grants([11]) }));
    expect((await service.list.list(county, client)).consents).toContainEqual(
      expect.objectContaining({ state: 'active' }),
    );
    expect((await eventsAbout()).map(({ log }) => [log?.type, log?.consentVersion])).toEqual([
      ['consent-recorded', 1],
      ['consent-superseded', 1],
      ['consent-recorded', 2],
    ]);
  });

  it('refuses another record under the same id and version', async () => {
    await byMunicipality(await ground.parties.record({ id }));
    await expect(byMunicipality(await ground.parties.record({ id, grants: grants([11]) }))).rejects.toMatchObject({
      code: 'CONSENT_ID_REUSED',
    });
  });

  it('refuses one of two different records of one id that come at the same moment', async () => {
    const tokens = await Promise.all([
      ground.parties.record({ id }),
      ground.parties.record({ id, grants: grants([11]) }),
    ]);
    const outcomes = await Promise.allSettled(tokens.map(byMunicipality));
    expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(await eventsAbout()).toHaveLength(1);
  });

  it('refuses a version that is not the next', async () => {
    await byMunicipality(await ground.parties.record({ id }));
    await expect(byMunicipality(await ground.parties.record({ id, version: 3 }))).rejects.toMatchObject({
      code: 'CONFLICT',
    });
  });

  it('keeps nothing of a record that it refuses', async () => {
    await expect(byMunicipality(await ground.parties.record({ id, version: 2 }))).rejects.toMatchObject({
      code: 'CONSENT_INVALID',
    });
    expect(await ground.rows('SELECT 1 FROM consent.consent WHERE consent_id = $1', [id])).toEqual([]);
  });

  it('keeps nothing when its event cannot be written in the same transaction', async () => {
    const failing = ground.instance({ outbox: new FailingOutbox(SCHEMA) });
    const token = await ground.parties.record({ id });
    await expect(failing.record.record(ground.parties.municipality.id, token)).rejects.toThrow('outbox');
    expect(await ground.rows('SELECT 1 FROM consent.consent WHERE consent_id = $1', [id])).toEqual([]);
    expect(await eventsAbout()).toEqual([]);
  });

  it('is the collecting agency’s alone', async () => {
    const token = await ground.parties.record({ id });
    await expect(service.record.record(ground.parties.county.id, token)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('needs the collecting agency’s own signature', async () => {
    const token = await ground.parties.record({ id }, ground.parties.county.signing);
    await expect(byMunicipality(token)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  });

  it('needs a signature over this very record', async () => {
    const [header, , signature] = (await ground.parties.record({ id })).split('.');
    const [, payload] = (await ground.parties.record({ id, grants: grants([11]) })).split('.');
    await expect(byMunicipality([header, payload, signature].join('.'))).rejects.toMatchObject({
      code: 'SIGNATURE_INVALID',
    });
  });

  it('needs a key that is not revoked', async () => {
    const token = await ground.parties.record({ id });
    ground.parties.revoked.add(ground.parties.municipality.signing.kid);
    await expect(byMunicipality(token)).rejects.toMatchObject({ code: 'KEY_REVOKED' });
  });

  it('needs an agency that is not suspended', async () => {
    ground.parties.suspended.add(ground.parties.municipality.id);
    await expect(byMunicipality(await ground.parties.record({ id }))).rejects.toMatchObject({
      code: 'AGENCY_NOT_ONBOARDED',
    });
  });

  it('decides nothing by a stale directory', async () => {
    const stale = new SnapshotView(ground.parties.snapshot());
    stale.fresh = () => err(new AppError('DIRECTORY_STALE'));
    const blind = ground.instance({ directory: stale });
    const token = await ground.parties.record({ id });
    await expect(blind.record.record(ground.parties.municipality.id, token)).rejects.toMatchObject({
      code: 'DIRECTORY_STALE',
    });
  });
});
