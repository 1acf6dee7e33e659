import { mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { topics } from '#contracts';
import { KafkaLog } from '#messaging';
import { Stack } from '../../deploy/src/stack.js';
import { testPerson } from '../../deploy/src/demo/people.js';
import { byConsent } from './hub-agency.js';
import { hubOn } from './running-hub.js';

const TEXT = 'kanarialintu-5f1c0e7b9a34';
const person = testPerson('the canary', '235');
/** In the words themselves and as base64 at each of the three offsets, in hex, and escaped. */
const spellings = (word: string): Buffer[] => {
  const base64 = [0, 1, 2].map((offset) => {
    const padded = Buffer.concat([Buffer.alloc(offset), Buffer.from(word)]).toString('base64url');
    return padded.slice(offset === 0 ? 0 : 4, -4);
  });
  return [word, Buffer.from(word).toString('hex'), ...base64].map((text) => Buffer.from(text));
};
const canaries = [TEXT, person.identityCode, person.name].flatMap(spellings);

const filesBelow = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());

/** Files in which a canary stands. */
const filesWith = (words: readonly Buffer[], folders: readonly string[]): string[] =>
  folders.flatMap(filesBelow).filter((path) => {
    const bytes = readFileSync(path);
    return words.some((word) => bytes.includes(word));
  });

/** Tables of the hub in whose rows, as text, a canary stands. */
async function tablesWith(words: readonly string[], url: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
       WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
    );
    const found: string[] = [];
    for (const { name } of rows) {
      const { rows: texts } = await client.query<{ text: string }>(`SELECT t::text AS text FROM ${name} t`);
      const inside = texts.some(({ text }) =>
        words.some((word) => text.includes(word) || text.includes(Buffer.from(word).toString('hex'))),
      );
      if (inside) found.push(name);
    }
    return found;
  } finally {
    await client.end();
  }
}

describe('a canary in the content', () => {
  let stack: Stack | undefined;
  let places: string[];

  beforeAll(async () => {
    stack = await Stack.start({ dataFolder: mkdtempSync(join(tmpdir(), 'kotovayla-canary-')), environment: {} });
    const hub = await hubOn(stack, { LOG_LEVEL: 'debug' });
    const [municipality, county] = await Promise.all([hub.agency('K-235'), hub.agency('H-03')]);
    const consent = await municipality.recordConsent({ disclosers: [county.id] });
    const context = municipality.context(county, 'request', { categories: [12], basis: [byConsent([12], consent)] });
    const sealed = await municipality.seal(county, context, { type: 'test', text: TEXT, person: { ...person } });
    await municipality.post(sealed);
    const { message } = await county.mailUntil(county.message(sealed.manifestHash));
    const { released } = await county.release(sealed.manifestHash);
    const opened = await county.open(municipality, message!, released!);
    if (opened.content['text'] !== TEXT) throw new Error('the canary did not arrive');
    const tampered = { ...sealed, outer: `${sealed.outer.slice(0, -8)}AAAAAAAA` };
    await municipality.post(tampered);
    places = [stack.folder.within('kafka'), stack.folder.within('postgres-hub'), stack.folder.logs];
  }, 180_000);

  afterAll(() => stack?.remove(), 60_000);

  it('is opened by the recipient and stands in no file of Kafka, no table, no WAL and no log of the hub', async () => {
    expect(filesWith(canaries, places)).toEqual([]);
    expect(await tablesWith([TEXT, person.identityCode, person.name], stack!.hubDatabaseUrl)).toEqual([]);
  }, 60_000);

  it('would have been found: planted in a table and in a topic, it is', async () => {
    const client = new pg.Client({ connectionString: stack!.hubDatabaseUrl });
    await client.connect();
    await client.query('CREATE TABLE public.planted (text text)');
    await client.query('INSERT INTO public.planted VALUES ($1)', [TEXT]);
    await client.end();
    const log = new KafkaLog({ clientId: 'canary', brokers: stack!.kafkaBrokers.split(',') });
    await log.connect();
    await log.publish(topics.gatewayRefusals, [{ key: 'planted', value: Buffer.from(TEXT) }]);
    await log.disconnect();

    const found = filesWith(spellings(TEXT), places);
    expect(found.some((path) => path.includes('pg_wal'))).toBe(true);
    expect(found.some((path) => path.includes('gateway.refusals'))).toBe(true);
    expect(await tablesWith([TEXT], stack!.hubDatabaseUrl)).toContain('public.planted');
  }, 60_000);
});
