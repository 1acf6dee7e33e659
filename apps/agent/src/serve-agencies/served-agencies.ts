import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { types } from 'node:util';
import type { SigningKey } from '#envelope';
import { type AgencyId, AppError, type Clock, type Thumbprint } from '#kernel';
import { createKeyFile, createVault, openVault, type Vault, type VaultSecret } from '#key-vault';
import type { AgencySettings, VaultSettings } from '../agency-settings.js';
import { AccessToken } from '../hub-client/access-token.js';
import { DpopKey } from '../hub-client/dpop-key.js';
import { HubClient } from '../hub-client/hub-client.js';
import type { HubHttp } from '../hub-client/hub-http.js';
import type { KeysInLog } from '../follow-log/keys-in-log.js';
import type { KeyStore } from '../infra/key-store.js';
import type { LogStore } from '../infra/log-store.js';
import { ServedAgency } from './served-agency.js';

/** The agencies that this process serves. */
export class ServedAgencies {
  private readonly byId: ReadonlyMap<AgencyId, ServedAgency>;

  constructor(readonly all: readonly ServedAgency[]) {
    this.byId = new Map(all.map((agency) => [agency.id, agency]));
  }

  /** Undefined for an agency that is not served here. */
  madeHere(agency: AgencyId, kid: Thumbprint): boolean | undefined {
    return this.byId.get(agency)?.madeHere(kid);
  }

  /** As `madeHere`. */
  revokedHere(agency: AgencyId, kid: Thumbprint): boolean | undefined {
    return this.byId.get(agency)?.revokedHere(kid);
  }
}

export interface Connections {
  readonly gateway: HubHttp;
  readonly identity: HubHttp;
  readonly issuer: string;
  readonly audience: string;
}

/** Opens (at first start: makes) each agency's vault. @throws AppError VAULT_LOCKED and the like */
export async function openAgencies(
  settings: readonly AgencySettings[],
  connections: Connections,
  stores: { readonly log: LogStore; readonly keys: KeyStore },
  logged: KeysInLog,
  clock: Clock,
): Promise<ServedAgencies> {
  const agencies: ServedAgency[] = [];
  for (const one of settings) {
    const vault = await openOrCreate(one.id, one.vault);
    const known = {
      made: (await stores.keys.made(one.id)).map(({ kid }) => kid),
      revoked: (await stores.keys.revocations(one.id)).map(({ kid }) => kid),
      workerKey: await stores.log.workerKey(one.id),
    };
    const hub = hubClient(one, connections, clock, () => agency.clientKey());
    const agency: ServedAgency = new ServedAgency(one, vault, hub, known, () => logged.current, clock);
    agencies.push(agency);
  }
  return new ServedAgencies(agencies);
}

function hubClient(
  { id, scope }: AgencySettings,
  { gateway, identity, issuer, audience }: Connections,
  clock: Clock,
  clientKey: () => SigningKey,
): HubClient {
  const dpop = new DpopKey(clock);
  const token = new AccessToken({ agency: id, issuer, audience, scope }, identity, dpop, clientKey, clock);
  return new HubClient(gateway, token, dpop);
}

async function openOrCreate(agency: AgencyId, settings: VaultSettings): Promise<Vault> {
  const { path, keyFile } = settings;
  const secret = await secretOf(settings);
  const opened = await openVault({ path, secret });
  if (opened.ok) {
    if (opened.value.agency !== agency) throw new AppError('VAULT_LOCKED', 'the vault belongs to another agency');
    return opened.value;
  }
  if (opened.error.code !== 'NOT_FOUND') throw opened.error;
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  if (keyFile !== undefined) await createKeyFile(keyFile).catch(unlessThere);
  const created = await createVault({ path, secret, agency });
  if (!created.ok) throw created.error;
  return created.value;
}

/** @throws AppError VAULT_LOCKED when the passphrase file cannot be read */
export async function secretOf({ keyFile, passphraseFile }: VaultSettings): Promise<VaultSecret> {
  if (keyFile !== undefined) return { keyFile };
  const text = passphraseFile === undefined ? undefined : await readFile(passphraseFile, 'utf8').catch(() => undefined);
  if (text === undefined) throw new AppError('VAULT_LOCKED', 'the passphrase file cannot be read');
  return { passphrase: text.replace(/\r?\n$/, '') };
}

function unlessThere(error: unknown): void {
  if (!(types.isNativeError(error) && 'code' in error && error.code === 'EEXIST')) throw error;
}
