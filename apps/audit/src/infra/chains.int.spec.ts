import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { type Chain, linkAfter } from '#envelope';
import { prepareDatabase } from '#platform';
import { type TestDatabase, createTestDatabase } from '#testing';
import { databaseSpec } from './database.js';
import { lastChainId, readChains } from './log-store.js';

const [city, person] = ['K-235', `p1.${'A'.repeat(43)}`] as [Chain, Chain];
const link = Buffer.alloc(32, 7);

let database: TestDatabase;
let client: pg.Client;
beforeEach(async () => {
  database = await createTestDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterEach(async () => {
  await client.end();
  await database.drop();
});

describe('the chains of a log from before they had numbers', () => {
  const before = databaseSpec.migrations.findIndex(({ name }) => name.startsWith('Chains'));

  it('stand where they stood, and what was never counted stays without a number', async () => {
    await prepareDatabase(database.url, {
      ...databaseSpec,
      migrations: databaseSpec.migrations.slice(0, before),
      restrictions: [],
    });
    await client.query(
      `INSERT INTO audit.entry_place (chain, leaf_index, number, previous, link)
       VALUES ($1, 0, NULL, NULL, NULL), ($1, 2, 1, NULL, $3), ($2, 2, 1, NULL, $3), ($1, 5, 2, 2, $3), ('H-03', 1, NULL, NULL, NULL)`,
      [city, person, link],
    );
    await prepareDatabase(database.url, databaseSpec);
    const chains = await readChains(client, [city, person, 'H-03' as Chain, 'K-091' as Chain]);
    expect(chains).toEqual(
      new Map([
        [city, { id: 1, head: { number: 2, leafIndex: 5, link } }],
        ['H-03', { id: 2, head: undefined }],
        [person, { id: 3, head: { number: 1, leafIndex: 2, link } }],
      ]),
    );
    expect(await lastChainId(client)).toBe(3);
  });
});

describe('a chain', () => {
  it('stands at the last of the entries that its newest batch added, by number, leaf and link', async () => {
    await prepareDatabase(database.url, databaseSpec);
    await client.query('INSERT INTO audit.chain (id, name) VALUES (1, $1)', [city]);
    await client.query(
      `INSERT INTO audit.chain_run (chain, last_leaf, number, previous, link, leaves)
       VALUES (1, 4, 1, NULL, $1, '{4}'), (1, 11, 2, 4, $1, '{7,8,11}')`,
      [link],
    );
    const head = { number: 4, leafIndex: 11, link: linkAfter(linkAfter(link, 7), 8) };
    expect(await readChains(client, [city])).toEqual(new Map([[city, { id: 1, head }]]));
  });
});
