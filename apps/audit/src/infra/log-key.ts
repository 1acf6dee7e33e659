import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { PublicJwk } from '#envelope';
import { unwrap } from '#kernel';
import { type NoteSigner, type NoteVerifier, ed25519NoteSigner, parseVerifierKey, verifierKey } from '#merkle';
import { loadOrCreateServiceKey } from '#platform';

/** The Ed25519 key that signs checkpoints, and nothing else, under the log's name. */
export class LogKey {
  readonly signer: NoteSigner;
  /** As agents and auditors configure it. */
  readonly verifierKey: string;
  readonly verifier: NoteVerifier;
  readonly publicJwk: PublicJwk;

  constructor(origin: string, privateKey: KeyObject) {
    const publicKey = createPublicKey(privateKey);
    this.signer = ed25519NoteSigner(origin, privateKey);
    this.verifierKey = verifierKey(origin, publicKey);
    this.verifier = unwrap(parseVerifierKey(this.verifierKey));
    const { x = '' } = publicKey.export({ format: 'jwk' });
    this.publicJwk = { kty: 'OKP', crv: 'Ed25519', x, alg: 'EdDSA' };
  }

  /** From its file, or made there. */
  static async load(origin: string, path: string): Promise<LogKey> {
    const jwk = await loadOrCreateServiceKey(path, async () =>
      generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }),
    );
    return new LogKey(origin, createPrivateKey({ key: jwk as Record<string, string>, format: 'jwk' }));
  }
}
