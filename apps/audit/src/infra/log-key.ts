import { type KeyObject, createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { PublicJwk } from '#envelope';
import { AppError, unwrap } from '#kernel';
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

  /**
   * @param pinned verifier key that the other services are configured with, where it is known already
   *
   * Throws CONFIG_INVALID when the file holds another key: the log would go on under a key that nobody trusts.
   */
  static async load(origin: string, path: string, pinned?: string): Promise<LogKey> {
    const jwk = await loadOrCreateServiceKey(path, async () =>
      generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' }),
    );
    const key = new LogKey(origin, createPrivateKey({ key: jwk as Record<string, string>, format: 'jwk' }));
    if (pinned !== undefined && pinned !== key.verifierKey)
      throw new AppError('CONFIG_INVALID', 'LOG_VERIFIER_KEY is not the key in LOG_KEY_FILE');
    return key;
  }
}
