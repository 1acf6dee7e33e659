import { generateSigningKey } from '#envelope';
import { AppError, type Clock } from '#kernel';
import { cosigner, cosignerKey, type NoteSigner } from '#merkle';
import { createPublicKey } from 'node:crypto';
import type { AgentConfig } from '../agent.config.js';
import type { WitnessStore } from '../infra/witness-store.js';
import type { ServedAgencies } from '../serve-agencies/served-agencies.js';
import { WitnessHead } from './witness-head.js';

/** The witness that this process is: one operator, however many agencies it serves. */
export interface WitnessKey {
  readonly name: string;
  /** C2SP verifier key, for the policy files of others, which get it by another way than the network. */
  readonly verifierKey: string;
  readonly head: WitnessHead;
  /** Signs as of a moment. */
  signerAt(at: Date): NoteSigner;
}
export const WITNESS_KEY = Symbol('WitnessKey');

/**
 * The key in the vault of the agency that the configuration names, made at first start. Undefined where this process is no
 * witness. A new name needs a new key: what a witness signs does not contain its name.
 *
 * @throws AppError CONFIG_INVALID when the agency is not served here, or the key was made for another name
 */
export async function witnessKey(
  { WITNESS_NAME: name, WITNESS_AGENCY: named, WITNESS_HEAD_FILE: file }: AgentConfig,
  agencies: ServedAgencies,
  store: WitnessStore,
  clock: Clock,
): Promise<WitnessKey | undefined> {
  if (name === undefined) return undefined;
  const agency = named === undefined ? agencies.all[0] : agencies.all.find(({ id }) => id === named);
  if (!agency) throw new AppError('CONFIG_INVALID', 'WITNESS_AGENCY: is not served here');
  const path = file ?? `${agency.settings.vault.path}.witness-head`;
  if (!agency.vault.current('witness').ok) {
    await WitnessHead.found(path);
    const made = await generateSigningKey('EdDSA');
    await agency.vault.put('witness', made, { name, since: clock.now().toISOString(), head: 'file' });
  }
  const held = agency.vault.list().find(({ purpose, current }) => purpose === 'witness' && current);
  if (held?.meta['name'] !== name)
    throw new AppError('CONFIG_INVALID', 'WITNESS_NAME: the key in the vault was made for another name');
  const key = agency.vault.current('witness');
  if (!key.ok) throw key.error;
  const { privateKey } = key.value;
  return {
    name,
    verifierKey: cosignerKey(name, createPublicKey(privateKey)),
    head: new WitnessHead(path, store, held.meta['head'] === 'file'),
    signerAt: (at) => cosigner(name, privateKey, at),
  };
}
