import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { bigintArray, byteaArray, integerArray, textArray, timestamptzArray, uuidArray } from './binary-array.js';

let client: pg.Client;
beforeAll(async () => {
  client = new pg.Client({ connectionString: process.env['DATABASE_URL'] });
  await client.connect();
});
afterAll(() => client.end());

const itself = <T>(value: T): T => value;
const uuid = '00112233-4455-6677-8899-aabbccddeeff';

describe('an array in PostgreSQL’s binary format', () => {
  it.each<[string, Buffer, unknown[]]>([
    [
      'bytea',
      byteaArray([Buffer.from('00ff27', 'hex'), null, Buffer.alloc(0)], itself),
      [Buffer.from('00ff27', 'hex'), null, Buffer.alloc(0)],
    ],
    ['text', textArray(['ä,"{}\\', null, '', 'NULL'], itself), ['ä,"{}\\', null, '', 'NULL']],
    ['uuid', uuidArray([uuid, uuid.replaceAll('-', ''), null], itself), [uuid, uuid, null]],
    ['bigint', bigintArray([0, Number.MAX_SAFE_INTEGER, null], itself), ['0', String(Number.MAX_SAFE_INTEGER), null]],
    ['bigint', bigintArray([], itself), []],
    ['bigint', bigintArray([-1, 2 ** 32, 2 ** 31], itself), ['-1', String(2 ** 32), String(2 ** 31)]],
    ['integer', integerArray([0, -1, 2 ** 31 - 1, null], itself), [0, -1, 2 ** 31 - 1, null]],
    [
      'timestamptz',
      timestamptzArray(['2026-11-26T05:00:00.123Z', '1999-12-31T23:59:59.999Z', null], itself),
      [new Date('2026-11-26T05:00:00.123Z'), new Date('1999-12-31T23:59:59.999Z'), null],
    ],
  ])('of %s is read as what it was', async (type, array, expected) => {
    const { rows } = await client.query<{ value: unknown }>(`SELECT unnest($1::${type}[]) AS value`, [array]);
    expect(rows.map(({ value }) => value)).toEqual(expected);
  });

  it.each(['no uuid', uuid.slice(2), `${uuid}00`, uuid.replace('a', 'g')])('of uuid takes no %s', (text) =>
    expect(() => uuidArray([text], itself)).toThrow(TypeError),
  );
});
