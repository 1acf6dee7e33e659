import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConsentEvent, topics } from '#contracts';
import { type AgencyId, newConsentId } from '#kernel';
import { SearchEntriesController } from '../search-entries/search-entries.controller.js';
import { AuditGround, AuditInstance, emptyRecord } from '../testing/audit.fixture.js';
import { looksOf, signedSearch } from '../testing/looks.fixture.js';
import { directoryOf, type Party, party } from '../testing/parties.fixture.js';

describe('an entry about a consent', () => {
  let ground: AuditGround;
  let audit: AuditInstance;
  let parties: Party[];
  let search: SearchEntriesController;

  beforeAll(async () => {
    ground = await AuditGround.lay();
    parties = await Promise.all((['K-235', 'H-07', 'L-1', 'T-12'] as AgencyId[]).map(party));
    audit = await AuditInstance.start(ground, directoryOf(parties));
    const looks = looksOf(parties, { appender: audit.appender, kek: ground.kek });
    search = new SearchEntriesController(audit.database, audit.openings, ground.kek, looks);
  });
  afterAll(async () => {
    await audit.stop();
    await ground.clear();
  });

  const found = async (agency: string): Promise<string[]> => {
    const by = parties.find(({ id }) => id === agency)!;
    const { entries } = await search.searchEntries(
      await signedSearch(by, {
        agency,
        supervising: false,
        from: 0n,
        limit: 100,
        worker: '',
        filter: undefined,
        cursor: '',
      }),
    );
    return entries
      .map(({ body }) => (JSON.parse(body) as { type: string }).type)
      .filter((type) => type !== 'log-search');
  };

  it('is found by every party of the consent, whoever acted, and by nobody else', async () => {
    const log = {
      ...emptyRecord(),
      type: 'consent-suspended',
      consentId: newConsentId(),
      consentVersion: 1,
      actorAgency: 'H-07',
    };
    const value = ConsentEvent.encode({
      log,
      state: 'suspended',
      parties: ['H-07', 'K-235', 'L-1', 'no agency'],
    }).finish();
    const message = { offset: 0n, key: 'consent', value: Buffer.from(value), headers: {}, timestamp: new Date() };
    await audit.consumer.consumeBatch({ topic: topics.consentEvents, partition: 0, messages: [message] });
    for (const agency of ['K-235', 'H-07', 'L-1']) expect(await found(agency)).toEqual(['consent-suspended']);
    expect(await found('T-12')).toEqual([]);
  });
});
