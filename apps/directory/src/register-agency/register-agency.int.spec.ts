import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { RegisterAgencyRequest, SetResponsibilityRequest } from '#contracts';
import { type AgencyId, agencyId } from '#kernel';
import { AgencyAgent } from '../testing/agency-agent.fixture.js';
import { DirectoryGround, now, reference } from '../testing/directory-ground.fixture.js';

describe('the operator’s commands', () => {
  let ground: DirectoryGround;

  beforeAll(async () => {
    ground = await DirectoryGround.lay();
  });
  afterAll(() => ground.clear());

  describe('registering an agency', () => {
    const request = (changes: Partial<RegisterAgencyRequest> = {}): RegisterAgencyRequest => ({
      id: 'K-235',
      businessId: '0203026-2',
      nameFi: '',
      nameSv: '',
      contact: undefined,
      firstKeyThumbprint: 'A'.repeat(43),
      ...changes,
    });
    const shown = (id: string) => ground.feed.current?.agencies.find((agency) => agency.id === id);

    it('takes names from the reference data', async () => {
      await ground.agencies.register(request());
      expect(shown('K-235')).toMatchObject({
        kind: 'K',
        nameFi: 'Kauniainen',
        nameSv: 'Grankulla',
        status: 'onboarding',
        businessId: '0203026-2',
      });
    });

    it('keeps contact and names that are given', async () => {
      const contact = {
        functionalMailbox: 'kirjaamo@example.org',
        deputy: 'x',
        telephone: '1',
        lastConfirmed: '2026-10-01',
      };
      await ground.agencies.register(request({ id: 'O-OWN', nameFi: 'Oma', contact }));
      expect(shown('O-OWN')).toMatchObject({ nameFi: 'Oma', nameSv: 'Oma', contact });
    });

    it('may be repeated, but not with another first key or organisation', async () => {
      await ground.agencies.register(request({ id: 'K-049' }));
      await expect(ground.agencies.register(request({ id: 'K-049' }))).resolves.toBeUndefined();
      for (const other of [{ firstKeyThumbprint: 'B'.repeat(42) + 'A' }, { businessId: '0116297-6' }])
        await expect(ground.agencies.register(request({ id: 'K-049', ...other }))).rejects.toMatchObject({
          code: 'CONFLICT',
        });
    });

    it.each<[string, Partial<RegisterAgencyRequest>]>([
      ['an id of no kind', { id: 'X-1' }],
      ['a thumbprint that is none', { firstKeyThumbprint: 'short' }],
      ['a business id with a wrong check digit', { businessId: '0203026-3' }],
      ['no name outside the reference data', { id: 'O-NAMELESS' }],
    ])('refuses %s', async (_what, changes) => {
      await expect(ground.agencies.register(request(changes))).rejects.toMatchObject({ code: 'MALFORMED' });
    });
  });

  describe('what stands in the log of it', () => {
    const records = async (id: AgencyId): Promise<object[]> =>
      (await ground.records(id)).map(({ type, sender, purpose, clearRecordJson }) => {
        return { type, sender, purpose, clearRecordJson };
      });

    it('is that an agency is registered, once and opaque: its contact is nobody’s business', async () => {
      const id = agencyId('O-LOGGED');
      const request = {
        id,
        businessId: '0203026-2',
        nameFi: 'Oma',
        nameSv: '',
        contact: undefined,
        firstKeyThumbprint: 'B'.repeat(43),
      };
      await ground.agencies.register(request);
      await ground.agencies.register(request);
      expect(await records(id)).toEqual([{ type: 'agency-registered', sender: id, purpose: '', clearRecordJson: '' }]);
    });

    it('is that a duty moves by contract, to whom and which', async () => {
      const id = agencyId('O-CONTRACTOR');
      await ground.agencies.setResponsibility({
        municipalityCode: '235',
        duty: 'integration',
        clientGroup: '',
        agency: id,
        validFrom: '2026-01-01',
        validTo: '',
      });
      expect(await records(id)).toEqual([
        { type: 'responsibility-set', sender: id, purpose: 'integration', clearRecordJson: '' },
      ]);
      await ground.rows('DELETE FROM directory.responsibility');
    });
  });

  describe('suspending an agency', () => {
    let agent: AgencyAgent;
    let made = 0;

    beforeEach(async () => {
      made += 1;
      agent = await AgencyAgent.of(`E-${String(made).padStart(2, '0')}`, ground.clock);
      await ground.register(agent);
    });
    const activate = async (): Promise<void> => {
      await ground.keys.publish(await agent.records());
      await ground.log(agent.id);
    };
    const set = (status: string) => ground.agencies.setStatus({ id: agent.id, status });

    it('is in the snapshot when it is answered, and a leaf of the log', async () => {
      await activate();
      await set('suspended');
      expect(ground.statusOf(agent.id)).toBe('suspended');
      await set('suspended');
      await set('active');
      expect(ground.statusOf(agent.id)).toBe('active');
      const told = (await ground.told(agent.id)).filter(({ type }) => type === 'agency-status');
      expect(told.map(({ clear }) => 'status' in clear && clear.status)).toEqual(['active', 'suspended', 'active']);
      expect(told[1]?.clear).toEqual({
        type: 'agency',
        agency: agent.id,
        kind: 'E',
        businessId: '0203026-2',
        status: 'suspended',
        at: now.toISOString(),
      });
    });

    it('is not undone by a key that audit logs meanwhile', async () => {
      await activate();
      await ground.keys.publish([
        await agent.record('client-auth', (await AgencyAgent.of('O-X', ground.clock)).signing.publicJwk),
      ]);
      await set('suspended');
      await ground.log(agent.id);
      expect(ground.statusOf(agent.id)).toBe('suspended');
    });

    it('needs an agency that has finished onboarding', async () => {
      await expect(set('suspended')).rejects.toMatchObject({ code: 'CONFLICT' });
      await expect(set('active')).rejects.toMatchObject({ code: 'CONFLICT' });
    });

    it('knows no other status and no unknown agency', async () => {
      await activate();
      await expect(set('onboarding')).rejects.toMatchObject({ code: 'MALFORMED' });
      await expect(ground.agencies.setStatus({ id: 'O-NOBODY', status: 'suspended' })).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
      await expect(ground.agencies.setStatus({ id: 'nobody', status: 'suspended' })).rejects.toMatchObject({
        code: 'NOT_FOUND',
      });
    });
  });

  describe('moving a duty by contract', () => {
    const request = (changes: Partial<SetResponsibilityRequest> = {}): SetResponsibilityRequest => ({
      municipalityCode: '235',
      duty: 'integration',
      clientGroup: '',
      agency: 'K-049',
      validFrom: '2026-01-01',
      validTo: '',
      ...changes,
    });

    it.each<[string, Partial<SetResponsibilityRequest>]>([
      ['an agency that is none', { agency: 'Espoo' }],
      ['a duty that is none', { duty: 'gardening' }],
      ['a client group that is none', { clientGroup: 'everybody' }],
      ['a municipality that is none', { municipalityCode: '999' }],
      ['a day that is none', { validFrom: '2026-02-30' }],
      ['an end before the beginning', { validTo: '2025-12-31' }],
    ])('refuses %s', async (_what, changes) => {
      await expect(ground.agencies.setResponsibility(request(changes))).rejects.toMatchObject({ code: 'MALFORMED' });
      expect(await ground.rows('SELECT 1 FROM directory.responsibility')).toEqual([]);
    });
  });

  describe('the catalogue', () => {
    const catalogueEvents = async () => (await ground.told()).filter(({ type }) => type === 'catalogue');

    it('is a leaf of the log once, whoever starts how often', async () => {
      const recorded = await Promise.all([ground.recordCatalogue(), ground.recordCatalogue()]);
      recorded.push(await ground.recordCatalogue());
      expect(recorded.map(({ version }) => version)).toEqual([1, 1, 1]);
      expect((await catalogueEvents()).map(({ key, clear }) => [key, clear])).toEqual([
        ['catalogue', { type: 'catalogue', version: 1, hash: expect.any(String), at: now.toISOString() }],
      ]);
    });

    it('gets a new version and a new leaf when it changes, and its old version when it changes back', async () => {
      await ground.recordCatalogue();
      const purposes = reference.catalogue.purposes.slice(1);
      const changed = { ...reference, catalogue: { ...reference.catalogue, purposes } };
      const { version, json } = await ground.recordCatalogue(changed);
      expect([version, json.includes(reference.catalogue.purposes[0]!.names.sv)]).toEqual([2, false]);
      expect((await ground.recordCatalogue()).version).toBe(1);
      expect((await catalogueEvents()).map(({ clear }) => 'version' in clear && clear.version)).toEqual([1, 2]);
    });
  });
});
