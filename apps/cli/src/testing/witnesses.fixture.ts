import { generateKeyPairSync } from 'node:crypto';
import { unwrap } from '#kernel';
import {
  type NoteVerifier,
  type WitnessPolicy,
  cosignatureLine,
  cosigner,
  cosignerKey,
  openCheckpoint,
  parsePolicy,
} from '#merkle';

const names = ['kauniainen', 'espoo', 'kela'] as const;
export type WitnessName = (typeof names)[number];

/** Two operators: one runs the witnesses of Kauniainen and Espoo and counts once, the other is Kela; both must have cosigned. */
export class TestWitnesses {
  readonly policyText: string;
  readonly policy: WitnessPolicy;
  private readonly keys = names.map((name) => ({ name, ...generateKeyPairSync('ed25519') }));

  constructor(private readonly log: NoteVerifier) {
    const lines = this.keys.map(
      ({ name, publicKey }) => `witness ${name} ${cosignerKey(`${name}.example`, publicKey)}`,
    );
    this.policyText = [
      ...lines,
      'group house any kauniainen espoo',
      'group operators all house kela',
      'quorum operators',
      '',
    ].join('\n');
    this.policy = unwrap(parsePolicy(this.policyText));
  }

  /** The note with their cosignatures below it. */
  cosigned(note: string, ...by: readonly WitnessName[]): string {
    const checkpoint = unwrap(openCheckpoint(note, this.log));
    const at = new Date('2026-11-22T10:00:00Z');
    const lines = this.keys
      .filter(({ name }) => by.includes(name))
      .map(({ name, privateKey }) => cosignatureLine(checkpoint, cosigner(`${name}.example`, privateKey, at)));
    return note + lines.join('');
  }
}
