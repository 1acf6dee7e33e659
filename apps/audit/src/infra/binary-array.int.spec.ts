import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { bigintArray, byteaArray, textArray, uuidArray } from './binary-array.js';

let client: pg.Client;
beforeAll(async () => {
  client = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
  await client.connect();
});
afterAll(() => client.end());

const uuid = '00112233-4455-6677-8899-aabbccddeeff';

describe('an array in PostgreSQL’s binary format', () => {
  it.each<[string, Buffer, unknown[]]>([
    [
      'bytea',
      byteaArray([Buffer.from('00ff27', 'hex'), null, Buffer.alloc(0)]),
      [Buffer.from('00ff27', 'hex'), null, Buffer.alloc(0)],
    ],
    ['text', textArray(['ä,"{}\\', null, '', 'NULL']), ['ä,"{}\\', null, '', 'NULL']],
    ['uuid', uuidArray([uuid, uuid.replaceAll('-', ''), null]), [uuid, uuid, null]],
    ['bigint', bigintArray([0, Number.MAX_SAFE_INTEGER, null]), ['0', String(Number.MAX_SAFE_INTEGER), null]],
    ['bigint', bigintArray([]), []],
  ])('of %s is read as what it was', async (type, array, expected) => {
    const { rows } = await client.query<{ value: unknown }>(`SELECT unnest($1::${type}[]) AS value`, [array]);
    expect(rows.map(({ value }) => value)).toEqual(expected);
  });
});
