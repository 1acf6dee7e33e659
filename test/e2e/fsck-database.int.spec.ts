import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { commitmentKeyOf, encodeOpaqueEntry, newEntrySecret, parseLogBody } from '#envelope';
import { newEventId, unwrap } from '#kernel';
import { MemoryTree, formatCheckpoint, formatProof, leafHash, signCheckpoint } from '#merkle';
import { AuditGround } from '../../apps/audit/src/testing/audit.fixture.js';
import { runCli } from '../../apps/cli/src/program.js';
import { TestWitnesses } from '../../apps/cli/src/testing/witnesses.fixture.js';
import { entriesOf, logOf } from './logged-entries.fixture.js';

const size = 600;

describe('a log in the hub’s own database', () => {
  let ground: AuditGround;
  let folder: string;

  beforeEach(async () => {
    ground = await AuditGround.lay();
    folder = await mkdtemp(join(tmpdir(), 'fsck-database-'));
    await logOf(ground, size);
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
    const named = await faults();
    expect(named).toContain(`row-missing ${index}`);
    // The tiles over it lack its hash, and with them every root since.
    const others = named.filter((fault) => !/^(tile-missing|forked) /.test(fault));
    expect(others.every((fault) => fault.endsWith(` ${index}`))).toBe(true);
  });

  it.each([7, 300, 590])('with a changed byte in entry %i is told so', async (index) => {
    const changed = 'set_byte(entry, 20, 1 + get_byte(entry, 20) % 255)';
    await pastTheTriggers('entry', `UPDATE audit.entry SET entry = ${changed} WHERE leaf_index = ${index}`);
    const named = await faults();
    // In the last, unfinished bundle no stored tile bears witness: the body does, where its key is given.
    if (index < 512) expect(named).toEqual([`entry-changed ${index}`]);
    else expect(await faults('--kek', ground.kekFile)).toEqual([`forked ${size}`, `body-changed ${index}`]);
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

  it('with two entries reordered is told both', async () => {
    await pastTheTriggers(
      'entry',
      `UPDATE audit.entry SET entry = other.entry FROM audit.entry AS other
       WHERE entry.leaf_index + other.leaf_index = 320 AND entry.leaf_index IN (20, 300)`,
    );
    expect(await faults()).toEqual(['entry-moved 20', 'entry-moved 300']);
  });

  it('that somebody keeps another branch of is told where that was signed, and which index was given again', async () => {
    const { signer } = ground.logKey;
    const entries = await entriesOf(ground);
    const branch = MemoryTree.of(entries.with(77, entries[3]!).map((entry) => leafHash(entry)));
    const head = formatCheckpoint({ origin: signer.name, size: 300, root: branch.root(300) });
    const checkpoint = signCheckpoint(head, signer);
    await writeFile(join(folder, 'branch'), checkpoint);
    const proof = formatProof({ index: 77, proof: branch.inclusionProof(77, 300), checkpoint });
    await writeFile(join(folder, '77.tlog-proof'), proof);
    expect(await faults('--earlier', 'branch')).toEqual(['forked 300']);
    expect(await faults('--earlier', '77.tlog-proof')).toEqual(['index-reused 77']);
  });

  it('that was taken back with its checkpoints is told from where on, by a checkpoint that was kept', async () => {
    const { rows } = await ground.owner((client) =>
      client.query<{ note: string }>('SELECT note FROM audit.checkpoint WHERE tree_size = $1', [size]),
    );
    await writeFile(join(folder, 'kept'), rows[0]!.note);
    for (const table of ['entry_index', 'entry_secret', 'entry'])
      await pastTheTriggers(table, `DELETE FROM audit.${table} WHERE leaf_index >= 500`);
    await pastTheTriggers('checkpoint', 'DELETE FROM audit.checkpoint WHERE tree_size > 500');
    await pastTheTriggers('tile', 'DELETE FROM audit.tile WHERE tile_level = 0 AND n = 1');
    expect(await faults('--earlier', 'kept')).toContain('rolled-back 500');
  });

  it('whose checkpoint nobody cosigned is told its size, where a policy asks for witnesses', async () => {
    await writeFile(join(folder, 'policy'), new TestWitnesses(ground.logKey.verifier).policyText);
    expect(await faults('--policy', 'policy')).toEqual([`checkpoint-unwitnessed ${size}`]);
  });

  it('without a stored tile is told so', async () => {
    await pastTheTriggers('tile', 'DELETE FROM audit.tile WHERE tile_level = 0 AND n = 1');
    expect(await faults()).toEqual(['tile-missing 256', 'tile-missing 0']);
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
    const entries = await entriesOf(ground);
    await ground.owner(async (client) => {
      const tree = MemoryTree.of([...entries, unnumbered].map((entry) => leafHash(entry)));
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
