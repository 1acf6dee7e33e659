import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { type AgencyId, AppError, type Clock, type Thumbprint } from '#kernel';
import { createKeyFile, createVault, openVault, type Vault, type VaultSecret } from '#key-vault';
import type { AgencySettings, VaultSettings } from '../agency-settings.js';
import { AccessToken } from '../hub-client/access-token.js';
import { DpopKey } from '../hub-client/dpop-key.js';
import { HubClient } from '../hub-client/hub-client.js';
import type { HubHttp } from '../hub-client/hub-http.js';
import type { LogStore } from '../infra/log-store.js';
import { ServedAgency } from './served-agency.js';

/** The agencies that this process serves. */
export class ServedAgencies {
  private readonly byId: ReadonlyMap<AgencyId, ServedAgency>;

  constructor(readonly all: readonly ServedAgency[]) {
    this.byId = new Map(all.map((agency) => [agency.id, agency]));
  }

  find(id: AgencyId): ServedAgency | undefined {
    return this.byId.get(id);
  }

  /** @throws Error for an agency that is not served here: callers took the id from a key of a served one */
  get(id: AgencyId): ServedAgency {
    const agency = this.byId.get(id);
    if (!agency) throw new Error('not an agency that is served here');
    return agency;
  }

  /** Undefined for an agency that is not served here. */
  madeHere(agency: AgencyId, kid: Thumbprint): boolean | undefined {
    return this.byId.get(agency)?.madeHere(kid);
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
  store: LogStore,
  clock: Clock,
): Promise<ServedAgencies> {
  const agencies: ServedAgency[] = [];
  for (const one of settings) {
    const vault = await openOrCreate(one.id, one.vault);
    const made = await store.madeKeys(one.id);
    agencies.push(
      new ServedAgency(
        one,
        vault,
        hubClient(one, vault, connections, clock),
        made.map(({ kid }) => kid),
        await store.workerKey(one.id),
      ),
    );
  }
  return new ServedAgencies(agencies);
}

function hubClient(settings: AgencySettings, vault: Vault, connections: Connections, clock: Clock): HubClient {
  const dpop = new DpopKey(clock);
  const clientKey = () => {
    const key = vault.current('client-auth');
    if (!key.ok) throw key.error;
    return key.value;
  };
  const { issuer, audience } = connections;
  const token = new AccessToken(
    { agency: settings.id, issuer, audience, scope: settings.scope },
    connections.identity,
    dpop,
    clientKey,
    clock,
  );
  return new HubClient(connections.gateway, token, dpop);
}

async function openOrCreate(agency: AgencyId, { path, keyFile, passphraseFile }: VaultSettings): Promise<Vault> {
  const secret = await secretOf(keyFile, passphraseFile);
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

async function secretOf(keyFile: string | undefined, passphraseFile: string | undefined): Promise<VaultSecret> {
  if (keyFile !== undefined) return { keyFile };
  const text = passphraseFile === undefined ? undefined : await readFile(passphraseFile, 'utf8').catch(() => undefined);
  if (text === undefined) throw new AppError('VAULT_LOCKED', 'the passphrase file cannot be read');
  return { passphrase: text.replace(/\r?\n$/, '') };
}

function unlessThere(error: unknown): void {
  if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
}
