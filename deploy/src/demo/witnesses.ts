import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { createPublicKey } from 'node:crypto';
import { generateSigningKey } from '#envelope';
import { type AgencyId, unwrap } from '#kernel';
import { createKeyFile, createVault, openVault } from '#key-vault';
import { cosignerKey, judgeWitnessed, openCheckpoint, parsePolicy, parseVerifierKey } from '#merkle';
import type { Stack } from '../stack.js';
import { poll } from './agency-system.js';

/** An agent process that is a witness: one operator. */
export interface Operator {
  /** Of the agent process. */
  readonly agent: string;
  /** Agency in whose vault the witness's key lies. */
  readonly agency: AgencyId;
}

export interface Witnesses {
  /** C2SP tlog-policy, for the hub and for each agent. */
  readonly policyFile: string;
  /** Environment of each agent that is a witness, by its name. */
  readonly environments: ReadonlyMap<string, Record<string, string>>;
}

/**
 * What operators agree on by hand: each makes its witness's key in its own vault, tells its verifier key and address, and all
 * write the same policy. Here every operator must have cosigned: of two, any fewer is no majority.
 */
export async function agreeOnWitnesses(stack: Stack, operators: readonly Operator[]): Promise<Witnesses> {
  const lines: string[] = [];
  const environments = new Map<string, Record<string, string>>();
  const policyFile = stack.folder.within('witness.policy');
  for (const { agent, agency } of operators) {
    const name = `${agent}.example/witness`;
    const listen = `127.0.0.1:${await stack.ports.of(`witness-${agent}`)}`;
    const place = (suffix: string): string => stack.folder.within('agents', agent, `${agency}.${suffix}`);
    lines.push(
      `witness ${agent} ${await witnessKey(agency, name, place('vault'), place('vault-key'))} http://${listen}`,
    );
    environments.set(agent, {
      WITNESS_NAME: name,
      WITNESS_AGENCY: agency,
      WITNESS_LISTEN: listen,
      WITNESS_POLICY_FILE: policyFile,
    });
  }
  const names = operators.map(({ agent }) => agent).join(' ');
  writeFileSync(policyFile, `${lines.join('\n')}\ngroup operators all ${names}\nquorum operators\n`);
  return { policyFile, environments };
}

/** Waits for a witnessed checkpoint that covers the log as it is shown now, and tells it in one line. */
export async function witnessedLine(gateway: string, verifierKey: string, policyFile: string): Promise<string> {
  const policy = unwrap(parsePolicy(readFileSync(policyFile, 'utf8')));
  const verifier = unwrap(parseVerifierKey(verifierKey));
  const note = async (path: string): Promise<string> => (await fetch(`${gateway}/log/${path}`)).text();
  const { size } = unwrap(openCheckpoint(await note('checkpoint'), verifier));
  const { checkpoint, by } = await poll(
    async () => {
      const cosigned = openCheckpoint(await note('checkpoint.cosigned'), verifier);
      if (!cosigned.ok) return undefined;
      const judged = unwrap(judgeWitnessed(cosigned.value.note, policy, new Date()));
      const names = judged.cosignatures.map(({ witness }) => witness);
      return judged.quorum ? { checkpoint: cosigned.value, by: names } : undefined;
    },
    (found) => (found?.checkpoint.size ?? -1) >= size,
    30_000,
    () => 'the log was not witnessed',
  ).then((found) => found!);
  return `witnessed: ${checkpoint.size} entries, root ${checkpoint.root.toString('base64')}, cosigned by ${by.join(' and ')}`;
}

async function witnessKey(agency: AgencyId, name: string, path: string, keyFile: string): Promise<string> {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (!existsSync(keyFile)) await createKeyFile(keyFile);
  const secret = { keyFile };
  const vault = unwrap(
    existsSync(path) ? await openVault({ path, secret }) : await createVault({ path, secret, agency }),
  );
  if (!vault.current('witness').ok) await vault.put('witness', await generateSigningKey('EdDSA'), { name });
  return cosignerKey(name, createPublicKey(unwrap(vault.current('witness')).privateKey));
}
