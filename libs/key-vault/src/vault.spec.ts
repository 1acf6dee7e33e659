import { mkdtemp, readFile, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { agencyId, unwrap } from '#kernel';
import { exportPrivateJwk, generateReceivingKey, generateSigningKey } from '#envelope';
import { type Vault, createKeyFile, createVault, openVault } from './index.js';

const agency = agencyId('K-235');
const pseudonymKeyOf = (byte: number): Buffer => Buffer.alloc(32, byte);

describe('vault', () => {
  let folder: string;
  let path: string;
  let keyFile: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vault-'));
    path = join(folder, 'K-235.vault');
    keyFile = join(folder, 'K-235.key');
    await createKeyFile(keyFile);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const create = async (): Promise<Vault> => unwrap(await createVault({ path, secret: { keyFile }, agency }));
  const reopen = async (): Promise<Vault> => unwrap(await openVault({ path, secret: { keyFile } }));
  const codeOf = async (result: Promise<{ ok: boolean; error?: { code: string } }>): Promise<string | undefined> =>
    (await result).error?.code;

  it('gives back every key after it was opened again', async () => {
    const vault = await create();
    const signing = await generateSigningKey('EdDSA');
    const receiving = await generateReceivingKey('P-256');
    await vault.put('signing', signing, { notAfter: '2027-01-01' });
    await vault.put('receiving', receiving);
    await vault.setPseudonymKey(1, pseudonymKeyOf(7));
    const again = await reopen();
    expect(exportPrivateJwk(unwrap(again.current('signing')))).toEqual(exportPrivateJwk(signing));
    expect(exportPrivateJwk(unwrap(again.current('receiving')))).toEqual(exportPrivateJwk(receiving));
    expect(unwrap(again.pseudonymKey())).toEqual({ version: 1, key: pseudonymKeyOf(7) });
    expect(again.agency).toBe(agency);
  });

  it('keeps a rotated key for what was sealed to it', async () => {
    const vault = await create();
    const [first, second] = [await generateReceivingKey(), await generateReceivingKey()];
    await vault.put('receiving', first);
    await vault.put('receiving', second);
    expect(unwrap(vault.current('receiving')).kid).toBe(second.kid);
    expect(unwrap(vault.byKid(first.kid)).purpose).toBe('receiving');
  });

  it('has both pseudonym keys during a rotation and uses the newer one', async () => {
    const vault = await create();
    await vault.setPseudonymKey(2, pseudonymKeyOf(2));
    await vault.setPseudonymKey(1, pseudonymKeyOf(1));
    expect(unwrap(vault.pseudonymKey()).version).toBe(2);
    expect(unwrap(vault.pseudonymKey(1)).key).toEqual(pseudonymKeyOf(1));
    expect(vault.pseudonymKeyVersions()).toEqual([1, 2]);
  });

  it('says what is missing', async () => {
    const vault = await create();
    expect(vault.current('signing')).toMatchObject({ error: { code: 'VAULT_KEY_MISSING' } });
    expect(vault.pseudonymKey()).toMatchObject({ error: { code: 'PSEUDONYM_KEY_MISSING' } });
  });

  it('lists public metadata only', async () => {
    const vault = await create();
    const key = await generateSigningKey();
    await vault.put('signing', key, { label: 'first' });
    await vault.setPseudonymKey(1, pseudonymKeyOf(9));
    expect(vault.list()).toMatchObject([
      { purpose: 'signing', kid: key.kid, publicJwk: key.publicJwk, current: true, meta: { label: 'first' } },
      { purpose: 'pseudonym', version: 1, current: true },
    ]);
    const shown = JSON.stringify(vault.list()) + JSON.stringify(vault) + inspect(vault, { depth: 9 });
    expect(shown).not.toContain(exportPrivateJwk(key).d);
    expect(shown).not.toContain(pseudonymKeyOf(9).toString('base64url'));
  });

  it('shows nothing of a key in the file', async () => {
    const vault = await create();
    const key = await generateSigningKey();
    await vault.put('signing', key);
    const text = await readFile(path, 'utf8');
    expect(text).not.toContain(exportPrivateJwk(key).d);
    expect(text).not.toContain(key.publicJwk.x);
  });

  it('is readable by its owner alone, backup and key file included', async () => {
    const vault = await create();
    await vault.setPseudonymKey(1, pseudonymKeyOf(1));
    for (const file of await readdir(folder)) expect((await stat(join(folder, file))).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toHaveLength(3);
  });

  it('puts one key to one use', async () => {
    const vault = await create();
    const key = await generateSigningKey();
    await vault.put('signing', key);
    await expect(vault.put('recovery', key)).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('refuses another pseudonym key of the same version', async () => {
    const vault = await create();
    await vault.setPseudonymKey(1, pseudonymKeyOf(1));
    await expect(vault.setPseudonymKey(1, pseudonymKeyOf(2))).rejects.toMatchObject({ code: 'CONFLICT' });
    await vault.setPseudonymKey(1, pseudonymKeyOf(1));
    expect(vault.list()).toHaveLength(1);
  });

  it('is never overwritten by a new one', async () => {
    await create();
    expect(await codeOf(createVault({ path, secret: { keyFile }, agency }))).toBe('CONFLICT');
  });

  it('keeps all of several puts at once', async () => {
    const vault = await create();
    const keys = await Promise.all([1, 2, 3].map(() => generateSigningKey()));
    await Promise.all(keys.map((key) => vault.put('signing', key)));
    expect((await reopen()).list().map(({ kid }) => kid)).toEqual(keys.map(({ kid }) => kid));
  });

  it('notices that another process wrote the file', async () => {
    const vault = await create();
    const other = await reopen();
    const key = await generateSigningKey();
    await other.put('signing', key);
    await expect(vault.put('signing', await generateSigningKey())).rejects.toMatchObject({ code: 'CONFLICT' });
    expect(unwrap((await reopen()).current('signing')).kid).toBe(key.kid);
  });

  it('writes on after a failed put', async () => {
    const vault = await create();
    const key = await generateSigningKey();
    await vault.put('signing', key);
    await vault.put('recovery', key).catch(() => undefined);
    await vault.put('recovery', await generateSigningKey());
    expect((await reopen()).list()).toHaveLength(2);
  });

  describe('secret', () => {
    const passphrase = 'correct horse battery staple';

    it('may be a passphrase', async () => {
      const vault = unwrap(await createVault({ path, secret: { passphrase }, agency }));
      await vault.setPseudonymKey(1, pseudonymKeyOf(3));
      const again = unwrap(await openVault({ path, secret: { passphrase } }));
      expect(unwrap(again.pseudonymKey()).key).toEqual(pseudonymKeyOf(3));
    });

    it('wrong passphrase: locked', async () => {
      unwrap(await createVault({ path, secret: { passphrase }, agency }));
      expect(await codeOf(openVault({ path, secret: { passphrase: 'wrong' } }))).toBe('VAULT_LOCKED');
    });

    it('empty passphrase: refused', async () => {
      expect(await codeOf(createVault({ path, secret: { passphrase: '' }, agency }))).toBe('VAULT_LOCKED');
    });

    it.each(['another key file', 'a key file of another length', 'no key file', 'a passphrase instead'])(
      '%s: locked',
      async (wrong) => {
        await create();
        const other = join(folder, 'other.key');
        if (wrong === 'another key file') await createKeyFile(other);
        if (wrong === 'a key file of another length') await writeFile(other, Buffer.alloc(31));
        const secret = wrong === 'a passphrase instead' ? { passphrase } : { keyFile: other };
        expect(await codeOf(openVault({ path, secret }))).toBe('VAULT_LOCKED');
      },
    );
  });

  describe('damage', () => {
    const damage = async (change: (text: string) => string): Promise<string | undefined> => {
      const vault = await create();
      await vault.setPseudonymKey(1, pseudonymKeyOf(1));
      await writeFile(path, change(await readFile(path, 'utf8')));
      return codeOf(openVault({ path, secret: { keyFile } }));
    };
    const edit = (member: string, change: (value: string) => unknown) => (text: string) => {
      const file = JSON.parse(text) as Record<string, string>;
      return JSON.stringify({ ...file, [member]: change(file[member] ?? '') });
    };
    const flipFirst = (value: string): string => (value.startsWith('A') ? 'B' : 'A') + value.slice(1);

    it('no file: not found', async () => {
      expect(await codeOf(openVault({ path, secret: { keyFile } }))).toBe('NOT_FOUND');
    });
    it('an empty file', async () => expect(await damage(() => '')).toBe('VAULT_DAMAGED'));
    it('half a file', async () => {
      expect(await damage((text) => text.slice(0, text.length / 2))).toBe('VAULT_DAMAGED');
    });
    it('a changed ciphertext', async () => expect(await damage(edit('sealed', flipFirst))).toBe('VAULT_DAMAGED'));
    it('a short ciphertext', async () => expect(await damage(edit('sealed', () => 'AAAA'))).toBe('VAULT_DAMAGED'));
    it('a changed nonce', async () => expect(await damage(edit('nonce', flipFirst))).toBe('VAULT_DAMAGED'));
    it("another agency's name", async () => expect(await damage(edit('agency', () => 'K-091'))).toBe('VAULT_DAMAGED'));
    it('a scrypt cost that would take all memory', async () => {
      const passphrase = 'correct horse battery staple';
      unwrap(await createVault({ path, secret: { passphrase }, agency }));
      const file = JSON.parse(await readFile(path, 'utf8')) as { derivation: object };
      await writeFile(path, JSON.stringify({ ...file, derivation: { ...file.derivation, cost: 2 ** 30 } }));
      expect(await codeOf(openVault({ path, secret: { passphrase } }))).toBe('VAULT_DAMAGED');
    });

    it('the version before the last change is kept as backup', async () => {
      const vault = await create();
      await vault.setPseudonymKey(1, pseudonymKeyOf(1));
      await vault.setPseudonymKey(2, pseudonymKeyOf(2));
      await writeFile(path, '');
      const backup = unwrap(await openVault({ path: `${path}.bak`, secret: { keyFile } }));
      expect(backup.pseudonymKeyVersions()).toEqual([1]);
    });
  });

  describe('recovery key', () => {
    it('is moved to an offline file and is then in neither vault nor backup', async () => {
      const vault = await create();
      const recovery = await generateSigningKey();
      await vault.put('recovery', recovery);
      const offline = { path: join(folder, 'recovery.vault'), secret: { passphrase: 'kept in the safe' } };
      expect(unwrap(await vault.moveRecoveryKeyOffline(offline))).toBe(recovery.kid);
      expect((await reopen()).byKid(recovery.kid)).toMatchObject({ ok: false });
      const backup = unwrap(await openVault({ path: `${path}.bak`, secret: { keyFile } }));
      expect(backup.byKid(recovery.kid)).toMatchObject({ ok: false });
      const safe = unwrap(await openVault(offline));
      expect(exportPrivateJwk(unwrap(safe.current('recovery')))).toEqual(exportPrivateJwk(recovery));
    });

    it('stays where it is when the offline file cannot be made', async () => {
      const vault = await create();
      await vault.put('recovery', await generateSigningKey());
      const moved = vault.moveRecoveryKeyOffline({ path, secret: { passphrase: 'kept in the safe' } });
      expect(await codeOf(moved)).toBe('CONFLICT');
      expect((await reopen()).current('recovery').ok).toBe(true);
    });
  });
});
