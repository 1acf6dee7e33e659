import { diffieHellman } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import {
  type FlattenedJWE,
  type GeneralJWE,
  type GeneralJWS,
  type JWK,
  compactDecrypt,
  flattenedVerify,
  generalDecrypt,
  generalVerify,
} from 'jose';
import { unwrap } from '#kernel';
import {
  type PublicJwk,
  decryptToken,
  importReceivingKey,
  importRecipientKey,
  importSigningKey,
  importVerificationKey,
  thumbprintOf,
  verifySignature,
} from '#envelope';
import { describeVectors, readVectors } from './vectors.js';

/*
 * Our answer to a vector is `accepted` or `refused`. What the vectors call invalid must be refused. What they call valid
 * or acceptable must be accepted, except where jose-examples/deviations.json names the case and gives the reason; then it
 * must be refused.
 */
type Answer = 'accepted' | 'refused';

interface Deviation {
  readonly reason: string;
  readonly cases: readonly number[];
}
interface Example {
  readonly section: string;
  readonly title: string;
  readonly kind: 'jws' | 'jwe';
  readonly alg: string | string[];
  readonly key: JWK | (JWK & { password: string }) | JWK[];
  readonly content: string;
  readonly compact?: string;
  readonly json?: unknown;
}

const readExamples = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`./jose-examples/${name}`, import.meta.url), 'utf8')) as T;

const deviations = readExamples<{
  readonly wycheproof: Readonly<Record<string, readonly Deviation[]>>;
  /** Sections of RFC 7520 that jose cannot read either, with the reason. */
  readonly notReadableByJose: Readonly<Record<string, string>>;
}>('deviations.json');
const rfc7520 = readExamples<{
  readonly source: string;
  readonly keys: readonly { readonly section: string; readonly title: string; readonly jwk: JWK }[];
  readonly examples: readonly Example[];
}>('rfc7520.json');
const rfc8037 = readExamples<{
  readonly thumbprints: readonly { readonly section: string; readonly jwk: PublicJwk; readonly thumbprint: string }[];
  readonly signatures: readonly (Pick<Example, 'section' | 'alg' | 'content'> & { key: JWK; compact: string })[];
  readonly agreements: readonly { section: string; public: JWK; private: JWK; shared: string }[];
}>('rfc8037.json');

interface Vector {
  readonly tcId: number;
  readonly comment: string;
  readonly result: 'valid' | 'invalid' | 'acceptable';
}
interface SignatureGroup {
  readonly public?: JWK;
  readonly private: JWK;
  readonly tests: readonly (Vector & { readonly jws: string })[];
}
interface KeySetGroup {
  readonly public?: { readonly keys: readonly JWK[] };
  readonly private: { readonly keys: readonly JWK[] };
  readonly tests: readonly (Vector & { readonly jws: string })[];
}
interface EncryptionGroup {
  readonly private: JWK;
  readonly tests: readonly (Vector & { readonly jwe: string; readonly pt?: string })[];
}
interface AgreementGroup {
  readonly tests: readonly (Vector & { readonly public: JWK; readonly private: JWK; readonly shared: string })[];
}

/** One test a vector. */
function runVectors<Group extends { readonly tests: readonly Vector[] }>(
  name: string,
  answerTo: (group: Group, vector: Group['tests'][number]) => Promise<Answer>,
): void {
  describeVectors(`Wycheproof ${name}`, `wycheproof/${name}`, (file) => {
    const { numberOfTests, testGroups } = readVectors<{ numberOfTests: number; testGroups: readonly Group[] }>(file);
    const reasons = new Map(
      (deviations.wycheproof[name] ?? []).flatMap(({ reason, cases }) => cases.map((tcId) => [tcId, reason] as const)),
    );
    const all = testGroups.flatMap((group) => group.tests.map((vector) => ({ group, vector })));

    it('is read whole, and every listed deviation is one', () => {
      const forgivable = all.filter(({ vector }) => vector.result !== 'invalid').map(({ vector }) => vector.tcId);
      expect(all).toHaveLength(numberOfTests);
      expect([...reasons.keys()].filter((tcId) => !forgivable.includes(tcId))).toEqual([]);
    });

    for (const { group, vector } of all) {
      const { tcId, comment, result } = vector;
      const reason = reasons.get(tcId);
      const expected: Answer = result === 'invalid' || reason !== undefined ? 'refused' : 'accepted';
      const why = reason === undefined ? '' : `, ${reason}`;
      it(`${tcId} ${comment}: ${result}${why}: ${expected}`, async () => {
        expect(await answerTo(group, vector)).toBe(expected);
      });
    }
  });
}

const answer = (accepted: boolean): Answer => (accepted ? 'accepted' : 'refused');

const without = (value: object, ...members: string[]): object =>
  Object.fromEntries(Object.entries(value).filter(([name, member]) => member !== undefined && !members.includes(name)));

/** The public half without what says nothing more; what `use` and `key_ops` may restrict is left for the import to refuse. */
function publicPart(key: JWK): object {
  const silent = [
    ...(key.use === 'sig' ? ['use'] : []),
    ...(key.key_ops?.includes('verify') === true ? ['key_ops'] : []),
  ];
  return without(key, 'kid', 'd', ...silent);
}

async function verifies(key: JWK | undefined, token: string): Promise<boolean> {
  const imported = await importVerificationKey(key === undefined ? undefined : publicPart(key));
  return imported.ok && verifySignature(token, imported.value);
}

async function decrypts(key: JWK, token: string): Promise<string | undefined> {
  const opener =
    key.kty === 'oct' ? Buffer.from(key.k ?? '', 'base64url') : await importReceivingKey(key).catch(() => undefined);
  if (opener === undefined) return undefined;
  const plaintext = decryptToken(token, opener, 'A256GCM') ?? decryptToken(token, opener, 'A256CBC-HS512');
  return plaintext?.toString('utf8');
}

runVectors<SignatureGroup>('json_web_signature_test.json', async (group, { jws }) =>
  answer(await verifies(group.public ?? group.private, jws)),
);

runVectors<KeySetGroup>('json_web_key_test.json', async (group, { jws }) => {
  const { keys } = group.public ?? group.private;
  const accepting = await Promise.all(keys.map((key) => verifies(key, jws)));
  return answer(accepting.includes(true));
});

runVectors<EncryptionGroup>('json_web_encryption_test.json', async (group, { jwe, pt = '' }) =>
  answer((await decrypts(group.private, jwe)) === Buffer.from(pt, 'hex').toString('utf8')),
);

runVectors<AgreementGroup>('x25519_jwk_test.json', async (_group, { public: theirs, private: ours, shared }) => {
  const recipient = await importRecipientKey(publicPart(theirs));
  if (!recipient.ok) return 'refused';
  const { privateKey } = await importReceivingKey(ours);
  if (recipient.value.crv !== 'X25519') return 'refused';
  const secret = diffieHellman({ privateKey, publicKey: recipient.value.publicKey });
  expect(secret.toString('hex')).toBe(shared);
  return 'accepted';
});

describe('examples of the standards inside the profile', () => {
  it.each(rfc8037.thumbprints)('$section: thumbprint', async ({ jwk, thumbprint }) => {
    expect(await thumbprintOf(jwk)).toBe(thumbprint);
  });

  it.each(rfc8037.signatures)('$section: $alg signature', async ({ key, alg, content, compact }) => {
    const signer = await importSigningKey(key);
    const { publicKey, ...verification } = unwrap(await importVerificationKey(signer.publicJwk));
    expect(verification).toMatchObject({ alg, kid: signer.kid });
    expect(Buffer.from(compact.split('.')[1] ?? '', 'base64url').toString()).toBe(content);
    expect(verifySignature(compact, { publicKey, ...verification })).toBe(true);
    const changed = compact.replace(/.(?=\.[^.]+$)/, (last) => (last === 'A' ? 'B' : 'A'));
    expect(verifySignature(changed, { publicKey, ...verification })).toBe(false);
  });

  it.each(rfc8037.agreements)('$section: key agreement', async ({ public: theirs, private: ours, shared }) => {
    const { publicKey } = unwrap(await importRecipientKey(theirs));
    const { privateKey } = await importReceivingKey(ours);
    expect(diffieHellman({ privateKey, publicKey }).toString('hex')).toBe(shared);
  });
});

/*
 * RFC 7520 has no example inside the profile (ES256 or Ed25519; ECDH-ES or dir with A256GCM or A256CBC-HS512): every one is
 * a thing to refuse. That jose reads it without our allow-lists shows that it is the profile which refuses.
 */
describe(`examples of the standards outside the profile: ${rfc7520.source}`, () => {
  const notReadable = new Map(Object.entries(deviations.notReadableByJose));
  const keysOf = ({ key }: Pick<Example, 'key'>): readonly JWK[] => [key].flat();

  async function readByJose({ kind, alg, key, content, compact, json }: Example): Promise<string> {
    const [first = {}] = keysOf({ key });
    const secret = 'password' in first ? Buffer.from(String(first.password)) : first;
    const publicHalf = without(first, 'd', 'p', 'q', 'dp', 'dq', 'qi');
    const options = { keyManagementAlgorithms: [alg].flat(), maxPBES2Count: 10_000 };
    if (kind === 'jws' && compact !== undefined) {
      const [protectedHeader = '', , signature = ''] = compact.split('.');
      const payload = Buffer.from(content).toString('base64url');
      const { payload: read } = await flattenedVerify({ protected: protectedHeader, payload, signature }, publicHalf);
      return Buffer.from(read).toString();
    }
    if (kind === 'jws') return Buffer.from((await generalVerify(json as GeneralJWS, publicHalf)).payload).toString();
    const decrypted =
      compact === undefined
        ? await generalDecrypt(json as GeneralJWE & FlattenedJWE, first, options)
        : await compactDecrypt(compact, secret, options);
    return Buffer.from(decrypted.plaintext).toString();
  }

  it.each(rfc7520.examples.filter(({ section }) => !notReadable.has(section)))(
    '$section $title: is genuine',
    async (example) => {
      expect(await readByJose(example)).toBe(example.content);
    },
  );

  it.each(rfc7520.examples)('$section $title: refused', async (example) => {
    const token = example.compact ?? JSON.stringify(example.json);
    const reads = example.kind === 'jws' ? verifies : decrypts;
    for (const key of keysOf(example))
      expect(await reads({ ...key }, token)).toBe(example.kind === 'jws' ? false : undefined);
  });

  it.each(rfc7520.keys)('$section $title: refused as a key', async ({ jwk }) => {
    expect((await importVerificationKey(jwk)).ok).toBe(false);
    expect((await importRecipientKey(jwk)).ok).toBe(false);
  });
});
