import { type KeyObject, sign } from 'node:crypto';
import { CompactEncrypt } from 'jose';
import { type AgencyId, type ExchangeId, type MessageId, type Sha256, agencyId, unwrap } from '#kernel';
import {
  type JsonObject,
  type MessageContext,
  type PublicJwk,
  type ReceivingCurve,
  type ReceivingKey,
  type RecipientKey,
  type SealedMessage,
  type SigningAlg,
  type SigningKey,
  type SubjectIdentity,
  type VerificationKey,
  generateReceivingKey,
  generateSigningKey,
  importRecipientKey,
  importVerificationKey,
  pseudonymOf,
  sealMessage,
} from './index.js';

/** An agency or a hub service with both kinds of key, private and public halves. */
export interface Party {
  readonly agency: AgencyId;
  readonly signing: SigningKey;
  readonly verification: VerificationKey;
  readonly receiving: ReceivingKey;
  readonly recipient: RecipientKey;
}

export async function partyOf(
  name: string,
  { alg = 'ES256', crv = 'X25519' }: { alg?: SigningAlg; crv?: ReceivingCurve } = {},
): Promise<Party> {
  const signing = await generateSigningKey(alg);
  const receiving = await generateReceivingKey(crv);
  return {
    agency: agencyId(name),
    signing,
    verification: unwrap(await importVerificationKey(signing.publicJwk)),
    receiving,
    recipient: unwrap(await importRecipientKey(receiving.publicJwk)),
  };
}

export const pseudonymKey = { key: Buffer.alloc(32, 7), version: 1 };
// Individual numbers 900 to 999 are never given to people.
const code = '131052-9074';
export const subject: SubjectIdentity = {
  pseudonym: unwrap(pseudonymOf(pseudonymKey, 'henkilotunnus', code)),
  type: 'henkilotunnus',
  value: code,
  name: 'Testi Henkilö',
};

export const statuteBasis = (categories: number[]): MessageContext['basis'][number] => ({
  categories,
  processing: { sender: '681/2023-87', recipient: '681/2023-87' },
  secrecyLift: { statute: { id: '621/1999-26', version: 1 } },
});

export const someHash = (letter: string): Sha256 => `${letter.repeat(42)}A` as Sha256;

export const requestFrom = (
  sender: Party,
  recipient: Party,
  changes: Partial<MessageContext> = {},
): MessageContext => ({
  v: 1,
  suite: 'KV1',
  messageId: '6f1c1d7e-56a5-4a3c-9e8b-000000000001' as MessageId,
  exchangeId: '6f1c1d7e-56a5-4a3c-9e8b-000000000002' as ExchangeId,
  kind: 'request',
  sender: sender.agency,
  recipient: recipient.agency,
  recipientKey: recipient.receiving.kid,
  subjects: [subject.pseudonym],
  purpose: 'plan-review',
  categories: [11, 12],
  basis: [statuteBasis([11, 12])],
  iat: 1_790_000_000,
  exp: 1_790_600_000,
  blobs: [],
  ...changes,
});

export interface Sealing {
  readonly sender: Party;
  readonly recipient: Party;
  /** Holder of the release key. */
  readonly audit: Party;
  readonly changes?: Partial<MessageContext>;
  readonly content?: JsonObject;
}

export const sealed = async ({
  sender,
  recipient,
  audit,
  changes,
  content = { asks: 'plan' },
}: Sealing): Promise<SealedMessage> =>
  unwrap(
    await sealMessage({
      context: requestFrom(sender, recipient, changes),
      subjects: changes?.subjects?.length === 0 ? [] : [subject],
      content,
      signingKey: sender.signing,
      recipientKey: recipient.recipient,
      releaseKey: audit.recipient,
    }),
  );

const base64url = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');

/** A JWS with any header and any payload, validly signed: what only somebody hostile makes. */
export function forgedJws(header: object, payload: unknown, key: KeyObject): string {
  const input = `${base64url(header)}.${base64url(payload)}`;
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  return `${input}.${sign(algorithm, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

/** A JWE with any header, validly encrypted. */
export const forgedJwe = (
  header: { alg: string; enc: string } & Record<string, unknown>,
  plaintext: string | Uint8Array,
  key: KeyObject | Uint8Array,
): Promise<string> => new CompactEncrypt(Buffer.from(plaintext)).setProtectedHeader(header).encrypt(key);

export interface TokenParts {
  readonly header: Record<string, unknown>;
  readonly payload: unknown;
}

const parseSegment = (segment = ''): unknown => JSON.parse(Buffer.from(segment, 'base64url').toString('utf8'));

export const partsOf = (token: string): TokenParts => {
  const [header, payload] = token.split('.');
  return { header: parseSegment(header) as Record<string, unknown>, payload: parseSegment(payload) };
};

export const headerOf = (token: string): Record<string, unknown> =>
  parseSegment(token.split('.')[0]) as Record<string, unknown>;

const orderOfP256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;

/** The other valid form of an ES256 signature: (r, n − s). */
export function malleated(token: string): string {
  const [header, payload, signature = ''] = token.split('.');
  const bytes = Buffer.from(signature, 'base64url');
  const s = orderOfP256 - BigInt(`0x${bytes.toString('hex', 32)}`);
  const other = Buffer.concat([bytes.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex')]);
  return `${header}.${payload}.${other.toString('base64url')}`;
}

export const codeOf = (result: { ok: true } | { ok: false; error: { code: string } }): string =>
  result.ok ? 'OK' : result.error.code;

export const privateMember = (jwk: PublicJwk): PublicJwk & { d: string } => ({ ...jwk, d: 'A'.repeat(43) });
