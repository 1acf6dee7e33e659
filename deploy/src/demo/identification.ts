import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { JWK } from 'jose';
import type { Stack } from '../stack.js';
import type { TestPerson } from './people.js';
import { newKey, publicHalf, type RelyingParty } from './test-identification.js';

/** An agency that hosts accounts: what its agent is told, and what the identification service. */
export interface HostedAccount {
  /** `account` of the agent's settings; see `apps/agent/src/agency-settings.ts`. */
  readonly settings: object;
  readonly party: RelyingParty;
}

/** Where an identification service of that name is going to be: asked before it is started, for then its port is taken. */
export const issuerOf = async (stack: Stack, name: string): Promise<string> =>
  `http://127.0.0.1:${await stack.ports.of(name)}`;

/**
 * @param url of the agency's agent
 * @param sealed ID tokens are sealed to the agency
 * @param keyFile makes the path of a key file
 */
export async function hostedAccount(
  agency: string,
  { issuer, url, sealed = true }: { readonly issuer: string; readonly url: string; readonly sealed?: boolean },
  keyFile: (name: string) => string,
): Promise<HostedAccount> {
  const clientId = `account-${agency}`;
  const redirectUri = `${url}/v1/account/${agency}/callback`;
  const [signing, sealing] = [keyFile(`${agency}.account-key`), keyFile(`${agency}.account-sealing-key`)];
  const keys = [await keptKey(signing, 'ES256'), ...(sealed ? [await keptKey(sealing, 'ECDH-ES')] : [])];
  return {
    settings: {
      issuer,
      clientId,
      redirectUri,
      keyFile: signing,
      ...(sealed ? { decryptionKeyFile: sealing } : {}),
    },
    party: { clientId, redirectUri, keys: keys.map(publicHalf) },
  };
}

/** Starts an identification service of test persons as a process of its own, and waits until it is ready. */
export async function startIdentification(
  stack: Stack,
  name: string,
  {
    parties,
    persons,
    pushed = true,
  }: {
    readonly parties: readonly RelyingParty[];
    readonly persons: readonly Pick<TestPerson, 'name' | 'identityCode'>[];
    readonly pushed?: boolean;
  },
): Promise<void> {
  const issuer = await issuerOf(stack, name);
  stack.folder.writeJson(`${name}-clients.json`, parties);
  stack.folder.writeJson(`${name}-persons.json`, persons);
  stack.supervisor.start({
    name,
    entry: 'deploy/src/demo/identification-service.js',
    readyUrl: `${issuer}/.well-known/openid-configuration`,
    env: {
      ISSUER: issuer,
      CLIENTS_FILE: stack.folder.within(`${name}-clients.json`),
      PERSONS_FILE: stack.folder.within(`${name}-persons.json`),
      PUSHED: String(pushed),
    },
  });
  await stack.supervisor.waitReady(name);
}

async function keptKey(path: string, alg: 'ES256' | 'ECDH-ES'): Promise<JWK> {
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as JWK;
  const key = await newKey(alg);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, JSON.stringify(key), { mode: 0o600 });
  return key;
}
