import { createHash, generateKeyPairSync, type KeyObject, randomUUID, sign } from 'node:crypto';
import { type Clock, numericDate } from '#kernel';

/**
 * A DPoP key (RFC 9449) of one agency, made at each start and never stored: a token that it binds lives five minutes.
 */
export class DpopKey {
  private readonly privateKey: KeyObject;
  private readonly header: string;

  constructor(private readonly clock: Clock) {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
    this.privateKey = privateKey;
    this.header = segment({ typ: 'dpop+jwt', alg: 'ES256', jwk: { kty, crv, x, y } });
  }

  /** A proof for one request. `url` without query and fragment. */
  prove(target: { method: string; url: string; nonce?: string; accessToken?: string }): string {
    const payload = segment({
      jti: randomUUID(),
      htm: target.method,
      htu: target.url,
      iat: numericDate(this.clock.now()),
      ...(target.nonce === undefined ? {} : { nonce: target.nonce }),
      ...(target.accessToken === undefined
        ? {}
        : { ath: createHash('sha256').update(target.accessToken).digest('base64url') }),
    });
    return signedToken(`${this.header}.${payload}`, this.privateKey);
  }
}

const segment = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

function signedToken(input: string, key: KeyObject): string {
  const signature = sign('sha256', Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' });
  return `${input}.${signature.toString('base64url')}`;
}
