import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type {
  EntryFilter,
  OpenedEntry,
  PlaceOpening as GivenPlace,
  SearchEntriesRequest,
  SearchEntriesResponse,
} from '#contracts';
import {
  type AnsweredEntry,
  type Chain,
  type Completeness,
  type LogBody,
  type PlaceOpening,
  parseLogBody,
  parsePlaceOpening,
  verifyComplete,
} from '#envelope';
import { type Pseudonym, agencyId, newEventId, newExchangeId, newMessageId, unwrap } from '#kernel';
import { leafHash } from '#merkle';
import { prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { AuditGround, AuditInstance, eventually } from '../testing/audit.fixture.js';
import { askedBy, looksOf, signedSearch } from '../testing/looks.fixture.js';
import { type Party, directoryOf, party } from '../testing/parties.fixture.js';
import { SearchEntriesController } from './search-entries.controller.js';

const [asker, holder, other, supervisor] = ['K-235', 'H-03', 'L-KELA', 'A-TSV'].map(agencyId) as [
  ReturnType<typeof agencyId>,
  ReturnType<typeof agencyId>,
  ReturnType<typeof agencyId>,
  ReturnType<typeof agencyId>,
];
const subjects = ['A', 'B', 'C'].map((letter) => `p1.${letter.repeat(43)}` as Pseudonym);
const [anna, boris, nobody] = subjects as [Pseudonym, Pseudonym, Pseudonym];
const [exchangeId, messageId] = [newExchangeId(), newMessageId()];

let ground: AuditGround;
let audit: AuditInstance;
let search: SearchEntriesController;
let auditors: Map<string, Party>;

beforeAll(async () => {
  ground = await AuditGround.lay();
  const parties = await Promise.all([asker, holder, other, supervisor, 'T-01', 'E-01'].map(party));
  auditors = new Map(parties.map((one) => [one.id, one]));
  await start();
});

async function start(): Promise<void> {
  audit = await AuditInstance.start(ground, directoryOf([]));
  const looks = looksOf([...auditors.values()], { appender: audit.appender, kek: ground.kek });
  search = new SearchEntriesController(audit.database, audit.openings, ground.kek, looks);
}

afterAll(async () => {
  await audit.stop();
  await ground.clear();
});

async function log(members: Partial<LogBody>): Promise<number> {
  const body = {
    v: 1,
    eventId: newEventId(),
    type: 'message-accepted',
    at: new Date().toISOString(),
    assertedBy: 'hub',
  };
  const entry = prepareOpaque(unwrap(parseLogBody({ ...body, ...members })), ground.kek);
  const { leaves } = await audit.appender.append(plainProposal([entry]));
  return leaves[0]!;
}

const emptyFilter: EntryFilter = {
  agency: '',
  worker: '',
  subject: '',
  category: 0,
  basis: '',
  type: '',
  code: '',
  loggedFrom: undefined,
  loggedUntil: undefined,
  exchangeId: '',
  messageId: '',
};

const asked = (
  asking: Partial<SearchEntriesRequest>,
  filter: Partial<EntryFilter> = {},
): Promise<SearchEntriesRequest> =>
  signedSearch(auditors.get(asking.agency ?? asker)!, {
    agency: asker,
    supervising: false,
    from: 0n,
    limit: 500,
    worker: '',
    cursor: '',
    ...asking,
    filter: { ...emptyFilter, ...filter },
  });
const ask = async (...asking: Parameters<typeof asked>): Promise<SearchEntriesResponse> =>
  search.searchEntries(await asked(...asking));
const indices = ({ entries }: SearchEntriesResponse): number[] => entries.map(({ leafIndex }) => Number(leafIndex));
const bodyOf = ({ body }: OpenedEntry): LogBody => JSON.parse(body) as LogBody;
const all = { agency: supervisor, supervising: true };

describe('a search', () => {
  let accepted: number;
  let released: number;
  let refused: number;
  let ofOthers: number;

  beforeAll(async () => {
    accepted = await log({
      sender: asker,
      recipient: holder,
      subjects: [anna],
      categories: [3, 9],
      basis: [
        {
          categories: [3, 9],
          processing: { sender: '681/2023-87', recipient: '681/2023-88' },
          secrecyLift: { statute: { id: '681/2023-90', version: 1 } },
        },
      ],
      exchangeId,
      messageId,
    });
    released = await log({
      type: 'message-released',
      sender: asker,
      recipient: holder,
      subjects: [anna],
      actor: { agency: holder, worker: 'w-17' },
      exchangeId,
      messageId,
    });
    refused = await log({
      type: 'release-refused',
      sender: asker,
      recipient: holder,
      subjects: [anna, boris],
      actor: { agency: holder, worker: 'w-18' },
      code: 'CONSENT_WITHDRAWN',
    });
    ofOthers = await log({ sender: holder, recipient: other, subjects: [anna], categories: [3] });
  });

  it.each<[string, () => Partial<EntryFilter>, () => number[]]>([
    ['a party', () => ({ agency: asker }), () => [accepted, released, refused]],
    ['the case worker who acted', () => ({ worker: 'w-17' }), () => [released]],
    ['a subject', () => ({ subject: boris }), () => [refused]],
    ['a category', () => ({ category: 3 }), () => [accepted, ofOthers]],
    ['a provision', () => ({ basis: '681/2023-90' }), () => [accepted]],
    ['the kind of event', () => ({ type: 'message-released' }), () => [released]],
    ['a kind of event that is seldom', () => ({ type: 'release-refused' }), () => [refused]],
    ['an outcome', () => ({ code: 'CONSENT_WITHDRAWN' }), () => [refused]],
    ['an exchange', () => ({ exchangeId }), () => [accepted, released]],
    ['a message', () => ({ messageId }), () => [accepted, released]],
    ['several at once', () => ({ agency: asker, subject: anna, worker: 'w-18' }), () => [refused]],
    ['nobody', () => ({ subject: nobody }), () => []],
  ])('finds by %s', async (_what, filter, expected) => {
    const found = await ask(all, filter());
    expect(
      found.entries.filter((entry) => bodyOf(entry).type !== 'log-search').map(({ leafIndex }) => Number(leafIndex)),
    ).toEqual(expected());
  });

  it('shows an agency the entries in which it is a party, whatever it asks for', async () => {
    expect(indices(await ask({ agency: other }, { subject: anna }))).toEqual([ofOthers]);
    expect(indices(await ask({ agency: asker }, { category: 3 }))).toEqual([accepted]);
    expect(indices(await ask({ agency: other }, { exchangeId }))).toEqual([]);
  });

  it('finds by the time of logging', async () => {
    const { rows } = await audit.database.query<{ at: Date }>({
      text: 'SELECT appended_at AS at FROM audit.entry WHERE leaf_index = $1',
      values: [refused],
    });
    const at = rows[0]!.at;
    const before = await ask(all, { loggedUntil: at, agency: asker });
    const after = await ask(all, { loggedFrom: at, agency: asker });
    expect(indices(before)).not.toContain(refused);
    expect(indices(after)).toContain(refused);
    expect(indices(after)).not.toContain(accepted);
  });

  it('is allowed over all to a supervising authority only', async () => {
    await expect(ask({ agency: asker, supervising: true })).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('stands in the log before it is answered: who asked what, and what was found', async () => {
    const { searchLeaf } = await ask({ agency: holder, worker: 'w-99' }, { subject: boris, code: 'CONSENT_WITHDRAWN' });
    const opened = await audit.openings.read([Number(searchLeaf)]);
    expect(JSON.parse(opened.get(Number(searchLeaf))!.body)).toMatchObject({
      type: 'log-search',
      actor: { agency: holder, worker: 'w-99' },
      subjects: [boris],
      search: { scope: 'own', query: { code: 'CONSENT_WITHDRAWN' }, found: 1, first: refused, last: refused },
    });
  });

  describe('of which audit believes nobody but who signed it', () => {
    const codeOf = async (request: SearchEntriesRequest): Promise<string> =>
      search.searchEntries(request).then(
        () => 'OK',
        (error: { code?: string }) => String(error.code),
      );
    const size = (): number => audit.appender.current().checkpoint.size;

    it.each<[string, string, (request: SearchEntriesRequest) => Partial<SearchEntriesRequest>]>([
      ['is not signed', 'LOOK_UNPROVED', () => ({ look: '' })],
      ['is signed by another agency’s auditor', 'SENDER_MISMATCH', () => ({ agency: other })],
      ['looks for somebody else', 'LOOK_UNPROVED', () => ({ filter: { ...emptyFilter, subject: anna } })],
      ['looks for more', 'LOOK_UNPROVED', () => ({ filter: emptyFilter })],
      ['looks from elsewhere on', 'LOOK_UNPROVED', () => ({ from: 7n })],
      ['names another worker', 'LOOK_UNPROVED', () => ({ worker: 'w-7' })],
    ])('where it %s: %s', async (_what, code, changed) => {
      const before = size();
      const request = await asked({ agency: asker, worker: 'w-1' }, { subject: boris });
      expect(await codeOf({ ...request, ...changed(request) })).toBe(code);
      expect(size()).toBe(before);
    });

    it('where the edge makes an agency a supervising one, which asked for its own', async () => {
      const request = await asked({ agency: supervisor });
      const { entries } = await search.searchEntries({ ...request, supervising: true });
      expect(entries.every((entry) => bodyOf(entry).actor?.agency === supervisor)).toBe(true);
      const all = await asked({ agency: supervisor, supervising: true });
      expect(await codeOf({ ...all, supervising: false })).toBe('FORBIDDEN');
    });

    it('where the question was answered before', async () => {
      const request = await asked({ agency: asker });
      expect(await codeOf(request)).toBe('OK');
      expect(await codeOf(request)).toBe('LOOK_UNPROVED');
    });

    it('where it was signed long ago, or will be', async () => {
      for (const offsetMs of [-61_000, 61_000]) {
        const call = { call: 'GET /v1/audit/entries', query: { limit: '500' } };
        const late = await askedBy(auditors.get(asker)!, call, { at: new Date(Date.now() + offsetMs) });
        expect(await codeOf({ ...(await asked({ agency: asker })), ...late })).toBe('LOOK_UNPROVED');
      }
    });

    it('where it is signed by the agency’s own key, or by one that the log does not show', async () => {
      const { signing } = auditors.get(asker)!;
      const strangers = await party(asker);
      for (const auditing of [signing, strangers.auditing]) {
        const question = { call: 'GET /v1/audit/entries', query: { limit: '500' } };
        const forged = await askedBy({ id: asker, auditing }, question);
        expect(await codeOf({ ...(await asked({ agency: asker })), ...forged })).toBe('KEY_NOT_LOGGED');
      }
    });

    it('and keeps what was signed with the entry', async () => {
      const request = await asked({ agency: asker });
      const { searchLeaf } = await search.searchEntries(request);
      const evidence = await audit.openings.evidence([Number(searchLeaf)]);
      expect(evidence.get(Number(searchLeaf))).toEqual({ 'audit-look': request.look });
    });
  });

  it('is found by the subject that was looked for, also where nothing was found', async () => {
    const { searchLeaf } = await ask({ agency: other }, { subject: nobody });
    expect(indices(await ask(all, { subject: nobody }))).toContain(Number(searchLeaf));
  });

  it.each<[string, Partial<EntryFilter>]>([
    ['agency', { agency: 'x' }],
    ['subject', { subject: 'p1.short' }],
    ['code', { code: 'NO_SUCH_CODE' }],
    ['exchange', { exchangeId: '1' }],
    ['category', { category: 1_000 }],
  ])('refuses a malformed %s', (_what, filter) => expect(ask({}, filter)).rejects.toMatchObject({ code: 'MALFORMED' }));
});

describe('paging', () => {
  it('sees the log as the first page saw it, while it grows', async () => {
    const wanted = agencyId('T-01');
    const leaves: number[] = [];
    for (let at = 0; at < 7; at += 1) leaves.push(await log({ sender: wanted, recipient: holder }));
    const found: number[] = [];
    let cursor = '';
    do {
      const page = await ask({ agency: wanted, limit: 3, cursor });
      found.push(...indices(page));
      cursor = page.cursor;
      await log({ sender: wanted, recipient: holder });
    } while (cursor !== '');
    expect(found).toEqual(leaves);
  });

  it('goes on with no other question than the one that it began with', async () => {
    const { cursor } = await ask({ agency: holder, limit: 1 });
    expect(cursor).not.toBe('');
    await expect(ask({ agency: other, limit: 1, cursor })).rejects.toMatchObject({ code: 'MALFORMED' });
    await expect(ask({ agency: holder, limit: 1, cursor }, { category: 3 })).rejects.toMatchObject({
      code: 'MALFORMED',
    });
    await expect(ask({ agency: holder, cursor: 'e30' })).rejects.toMatchObject({ code: 'MALFORMED' });
  });
});

describe('an answer about one chain', () => {
  const jsonOf = ({ previous, loggedAt, link, salt, others, ...place }: GivenPlace): PlaceOpening =>
    unwrap(
      parsePlaceOpening({
        chain: place.chain,
        number: Number(place.number),
        ...(previous !== undefined && { previous: Number(previous) }),
        loggedAt: loggedAt?.toISOString(),
        link: link.toString('base64url'),
        salt: salt.toString('base64url'),
        others: others.map((one) => one.toString('base64url')),
      }),
    );

  /** All pages of an answer, verified as a stranger would who has the signed tree. */
  async function verified(
    asking: Partial<SearchEntriesRequest>,
    filter: Partial<EntryFilter>,
    limit: number,
  ): Promise<Completeness & { found: number[] }> {
    const entries: AnsweredEntry[] = [];
    const erased: { leafIndex: number; number: number }[] = [];
    const found: number[] = [];
    let chain: string;
    let cursor = '';
    do {
      const page = await ask({ ...asking, limit, cursor }, filter);
      ({ chain, cursor } = page);
      for (const { leafIndex, place, body, commitmentKey } of page.entries) {
        found.push(Number(leafIndex));
        if (place)
          entries.push({ leafIndex: Number(leafIndex), place: jsonOf(place), content: { body, commitmentKey } });
      }
      for (const bound of [page.before, page.after])
        if (bound?.place)
          entries.push({
            leafIndex: Number(bound.leafIndex),
            place: jsonOf(bound.place),
            content: { entry: bound.entry },
          });
      erased.push(
        ...page.erased.map(({ leafIndex, number }) => ({ leafIndex: Number(leafIndex), number: Number(number) })),
      );
    } while (cursor !== '');
    const { rows } = await audit.database.query<{ entry: Buffer }>({
      text: 'SELECT entry FROM audit.entry ORDER BY leaf_index',
    });
    const until = entries.reduce((last, { place }) => (place.loggedAt > last ? place.loggedAt : last), '');
    return {
      found,
      ...verifyComplete({
        chain: chain as Chain,
        entries,
        erased,
        ...(filter.loggedFrom && { from: filter.loggedFrom.toISOString() }),
        until,
        isIncluded: (leafIndex, hash) => leafHash(rows[leafIndex]!.entry).equals(hash),
        isTombstoned: () => true,
      }),
    };
  }

  it.each<[string, Partial<SearchEntriesRequest>, Partial<EntryFilter>]>([
    ['an agency’s own', { agency: holder }, {}],
    ['a subject’s, for a supervising authority', all, { subject: anna }],
    ['a subject’s whom nothing is about but this search', all, { subject: `p3.${'Z'.repeat(43)}` }],
  ])('is proved complete over several pages: %s', async (_what, asking, filter) => {
    const { complete, faults, found, entries } = await verified(asking, filter, 2);
    expect(faults).toEqual([]);
    expect({ complete, entries }).toEqual({ complete: true, entries: found.length });
  });

  it('is proved complete from an instant on, by the entry before it', async () => {
    const from = new Date();
    await eventually(async () => (Date.now() > from.getTime() ? true : undefined));
    const leaf = await log({ sender: holder, recipient: other });
    const { complete, found } = await verified({ agency: holder }, { loggedFrom: from }, 500);
    expect({ complete, found }).toEqual({ complete: true, found: [leaf] });
  });

  it('names what was erased in it', async () => {
    const wanted = agencyId('E-01');
    const leaves: number[] = [];
    for (let at = 0; at < 5; at += 1) leaves.push(await log({ sender: wanted, recipient: holder }));
    await ground.owner(async (client) => {
      await client.query('ALTER TABLE audit.entry_secret DISABLE TRIGGER ALL');
      await client.query('DELETE FROM audit.entry_secret WHERE leaf_index = ANY($1)', [leaves.slice(1, 3)]);
      await client.query('ALTER TABLE audit.entry_secret ENABLE ALWAYS TRIGGER entry_secret_append_only');
    });
    const { complete, erased, found } = await verified({ agency: wanted }, {}, 500);
    expect({ complete, erased, found }).toEqual({
      complete: true,
      erased: [2, 3],
      found: [leaves[0], leaves[3], leaves[4]],
    });
  });

  it('has no places where something else is filtered too', async () => {
    const { chain, entries, before, after } = await ask({ agency: holder }, { category: 3 });
    expect({ chain, before, after }).toEqual({ chain: '', before: undefined, after: undefined });
    expect(entries.every(({ place }) => place === undefined)).toBe(true);
  });
});

describe('the counting', () => {
  it('goes on where it stood after a restart, and with two appenders after each other', async () => {
    const before = await ask({ agency: other });
    await audit.stop();
    await start();
    const { rows } = await audit.database.query<{ numbers: string[] }>({
      text: `SELECT array_agg(number + at - 1 ORDER BY leaf) AS numbers
             FROM audit.chain_run, unnest(leaves) WITH ORDINALITY AS place (leaf, at) WHERE chain = (SELECT id FROM audit.chain WHERE name = $1)`,
      values: [other],
    });
    await ask({ agency: other });
    const after = await audit.database.query<{ numbers: string[] }>({
      text: `SELECT array_agg(number + at - 1 ORDER BY leaf) AS numbers
             FROM audit.chain_run, unnest(leaves) WITH ORDINALITY AS place (leaf, at) WHERE chain = (SELECT id FROM audit.chain WHERE name = $1)`,
      values: [other],
    });
    const numbers = after.rows[0]!.numbers.map(Number);
    expect(numbers).toEqual(numbers.map((_, at) => at + 1));
    expect(numbers.length).toBe(rows[0]!.numbers.length + 1);
    expect(before.chain).toBe(other);
  });
});
