import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitmentKeyOf, encodeOpaqueEntry, newEntrySecret, parseLogBody } from '#envelope';
import { newEventId, unwrap } from '#kernel';
import { MemoryTree, formatCheckpoint, leafHash, signCheckpoint } from '#merkle';
import { prepareOpaque } from '../../apps/audit/src/append-entries/prepared-entry.js';
import { plainProposal } from '../../apps/audit/src/append-entries/proposal.js';
import { AuditGround, AuditInstance } from '../../apps/audit/src/testing/audit.fixture.js';
import { directoryOf } from '../../apps/audit/src/testing/parties.fixture.js';
import { runCli } from '../../apps/cli/src/program.js';

const size = 600;

describe('a log in the hub’s own database', () => {
  let ground: AuditGround;
  let folder: string;

  beforeEach(async () => {
    ground = await AuditGround.lay();
    folder = await mkdtemp(join(tmpdir(), 'fsck-database-'));
    const instance = await AuditInstance.start(ground, directoryOf([]));
    for (let entries = 0; entries < size; entries += 100) {
      const batch = Array.from({ length: 100 }, () => {
        const eventId = newEventId();
        const body = { v: 1, eventId, type: 'message-delivered', at: new Date().toISOString(), assertedBy: 'hub' };
        return prepareOpaque(unwrap(parseLogBody(body)), ground.kek);
      });
      await instance.appender.append(plainProposal(batch));
    }
    await instance.stop();
  });
  afterEach(async () => {
    await ground.clear();
    await rm(folder, { recursive: true, force: true });
  });

  async function kotovayla(...args: string[]): Promise<Record<string, unknown>> {
    const out: string[] = [];
    const env = { DATABASE_URL: ground.database.url, LOG_VERIFIER_KEY: ground.logKey.verifierKey };
    await runCli([...args, '--json'], { env, folder, out: (line) => out.push(line), err: (line) => out.push(line) });
    return JSON.parse(out.join('\n')) as Record<string, unknown>;
  }

  async function faults(...args: string[]): Promise<string[]> {
    const { ok, faults: found } = await kotovayla('fsck', 'database', ...args);
    const named = (found as { kind: string; index?: number }[]).map(({ kind, index }) =>
      `${kind} ${index ?? ''}`.trim(),
    );
    expect(ok).toBe(named.length === 0);
    return named.filter((fault) => fault !== 'root-mismatch');
  }

  /** As somebody who is master of the database could. */
  const pastTheTriggers = (table: string, ...acts: string[]): Promise<void> =>
    ground.owner(async (client) => {
      await client.query(`ALTER TABLE audit.${table} DISABLE TRIGGER ALL`);
      for (const act of acts) await client.query(act);
    });

  it('is whole, and exports into a folder that verifies', async () => {
    expect(await kotovayla('fsck', 'database')).toMatchObject({ ok: true, size, entries: { opaque: size, clear: 0 } });
    expect(await kotovayla('log', 'export', 'copy', '--log', 'database')).toMatchObject({ ok: true, size });
    expect(await kotovayla('fsck', 'copy')).toMatchObject({ ok: true, size });
    expect(await kotovayla('log', 'proof', '599', '--log', 'database')).toMatchObject({ ok: true, index: 599 });
  });

  it.each([7, 300, 590])('without the row of entry %i, deleted past the triggers, is told so', async (index) => {
    await pastTheTriggers('entry', `DELETE FROM audit.entry WHERE leaf_index = ${index}`);
    expect(await faults()).toContain(`row-missing ${index}`);
    expect((await faults()).every((fault) => fault.endsWith(` ${index}`) || !/\d/.test(fault))).toBe(true);
  });

  it.each([7, 300, 590])('with a changed byte in entry %i is told so', async (index) => {
    const changed = 'set_byte(entry, 20, 1 + get_byte(entry, 20) % 255)';
    await pastTheTriggers('entry', `UPDATE audit.entry SET entry = ${changed} WHERE leaf_index = ${index}`);
    const named = await faults();
    // In the last, unfinished bundle no stored tile bears witness: the root alone differs.
    if (index < 512) expect(named).toEqual([`entry-changed ${index}`]);
    expect(await kotovayla('fsck', 'database')).toMatchObject({ ok: false });
  });

  it.each(['entry_index', 'entry_secret'])('without a row of %s, and no erasure, is told so', async (table) => {
    await pastTheTriggers(table, `DELETE FROM audit.${table} WHERE leaf_index = 42`);
    expect(await faults()).toEqual(['row-missing 42']);
  });

  it('with an index that was given twice is told so', async () => {
    await pastTheTriggers(
      'entry',
      'ALTER TABLE audit.entry DROP CONSTRAINT entry_pkey',
      `INSERT INTO audit.entry (leaf_index, event_id, entry, body)
       SELECT leaf_index, gen_random_uuid(), entry, body FROM audit.entry WHERE leaf_index = 9`,
    );
    expect(await faults()).toContain('index-reused 9');
  });

  it('without a stored tile is told so', async () => {
    await pastTheTriggers('tile', 'DELETE FROM audit.tile WHERE tile_level = 0 AND n = 1');
    expect(await faults()).toContain('tile-missing');
  });

  it('with the tail cut off is told so', async () => {
    await pastTheTriggers('entry', 'DELETE FROM audit.entry WHERE leaf_index >= 597');
    expect(await faults()).toEqual(expect.arrayContaining(['row-missing 597', 'row-missing 598', 'row-missing 599']));
  });

  it.each([0, 300, 599])('with an edited body is told the entry %i when its key is given', async (index) => {
    const kek = ['--kek', ground.kekFile];
    expect(await kotovayla('fsck', 'database', ...kek)).toMatchObject({ ok: true, bodies: size });
    const changed = 'set_byte(body, 40, (1 + get_byte(body, 40)) % 256)';
    await pastTheTriggers('entry', `UPDATE audit.entry SET body = ${changed} WHERE leaf_index = ${index}`);
    expect(await faults()).toEqual([]);
    expect(await faults(...kek)).toEqual([`body-changed ${index}`]);
  });

  it('with the bodies of two entries exchanged is told both', async () => {
    await pastTheTriggers(
      'entry',
      `UPDATE audit.entry SET body = other.body FROM audit.entry AS other
       WHERE entry.leaf_index + other.leaf_index = 11 AND entry.leaf_index IN (5, 6)`,
    );
    expect(await faults('--kek', ground.kekFile)).toEqual(['body-changed 5', 'body-changed 6']);
  });

  it('whose bodies another key opens is told that it is not given', async () => {
    const other = join(folder, 'other.jwk');
    await writeFile(other, JSON.stringify({ kty: 'oct', k: Buffer.alloc(32, 9).toString('base64url') }));
    expect((await faults('--kek', other)).slice(0, 2)).toEqual(['body-unreadable 0', 'body-unreadable 1']);
    expect(await kotovayla('fsck', 'database', '--kek', other)).toMatchObject({ ok: false, furtherFaults: size - 200 });
  });

  it.each(['root', 'note'])('with a changed %s of one of its checkpoints is told its size', async (column) => {
    const changed =
      column === 'root'
        ? 'set_byte(root, 3, (get_byte(root, 3) + 1) % 256)'
        : "replace(note, E'\\n300\\n', E'\\n301\\n')";
    await pastTheTriggers('checkpoint', `UPDATE audit.checkpoint SET ${column} = ${changed} WHERE tree_size = 300`);
    expect(await faults()).toEqual(['checkpoint-invalid 300']);
  });

  it('to which the hub itself added an entry without numbered places is told its index', async () => {
    const { signer } = ground.logKey;
    const eventId = newEventId();
    const body = { v: 1, eventId, type: 'message-delivered', at: new Date().toISOString(), assertedBy: 'hub' };
    const unnumbered = encodeOpaqueEntry(eventId, unwrap(parseLogBody(body)), commitmentKeyOf(newEntrySecret()));
    await ground.owner(async (client) => {
      const text = 'SELECT entry FROM audit.entry ORDER BY leaf_index';
      const { rows } = await client.query<{ entry: Buffer }>(text);
      const tree = MemoryTree.of([...rows.map(({ entry }) => entry), unnumbered].map((entry) => leafHash(entry)));
      const head = { origin: signer.name, size: tree.size, root: tree.root() };
      const note = signCheckpoint(formatCheckpoint(head), signer);
      await client.query('INSERT INTO audit.entry (leaf_index, event_id, entry) VALUES ($1, $2::uuid, $3)', [
        size,
        eventId,
        unnumbered,
      ]);
      const row = [head.size, head.root, note];
      await client.query('INSERT INTO audit.checkpoint (tree_size, root, note) VALUES ($1, $2, $3)', row);
    });
    expect(await faults()).toContain(`entry-unnumbered ${size}`);
    await kotovayla('log', 'export', 'copy', '--log', 'database');
    const { faults: found } = await kotovayla('verify', 'copy');
    expect(found).toMatchObject([{ kind: 'entry-unnumbered', index: size, eventId }]);
  });

  it('with a signed checkpoint of another branch among its own is told its size', async () => {
    const root = Buffer.alloc(32, 7);
    const note = signCheckpoint(
      formatCheckpoint({ origin: ground.logKey.signer.name, size: 250, root }),
      ground.logKey.signer,
    );
    await ground.owner(async (client) => {
      await client.query('INSERT INTO audit.checkpoint (tree_size, root, note) VALUES (250, $1, $2)', [root, note]);
    });
    expect(await faults()).toEqual(['forked 250']);
  });
});
