import { createHash, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { unwrap } from '#kernel';
import {
  type NoteSigner,
  type TreeHead,
  MemoryTree,
  ed25519NoteSigner,
  emptyRoot,
  formatCheckpoint,
  openCheckpoint,
  parseVerifierKey,
  signCheckpoint,
  verifierKey,
  verifyGrowth,
} from './index.js';
import { distinctLeaves } from './reference-tree.fixture.js';

const origin = 'log.example/kotovayla';
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const signer = ed25519NoteSigner(origin, privateKey);
const verifier = unwrap(parseVerifierKey(verifierKey(origin, publicKey)));
const tree = MemoryTree.of(distinctLeaves(13));
const head = (size: number): TreeHead => ({ origin, size, root: tree.root(size) });
const root64 = tree.root().toString('base64');
const invalid = { ok: false, error: { code: 'CHECKPOINT_INVALID' } };

/** A well-made signature line of a key that nobody here knows. */
const strangerLine = (name: string, keyId: Uint8Array = Buffer.of(1, 2, 3, 4), length = 64): string =>
  `— ${name} ${Buffer.concat([keyId, Buffer.alloc(length, 7)]).toString('base64')}\n`;

describe('a checkpoint', () => {
  const note = signCheckpoint(formatCheckpoint(head(13)), signer);

  test('says origin, size and root, and carries the signature of the log', () => {
    const line = note.split('\n').at(-2) ?? '';
    expect(note.startsWith(`${origin}\n13\n${root64}\n\n— ${origin} `)).toBe(true);
    expect(Buffer.from(line.split(' ')[2] ?? '', 'base64')).toHaveLength(4 + 64);
  });

  test('opens to what was signed, and keeps the note word for word', () => {
    expect(unwrap(openCheckpoint(note, verifier))).toEqual({ ...head(13), note });
  });

  test('of the empty log opens', () => {
    const empty = signCheckpoint(formatCheckpoint(head(0)), signer);
    expect(unwrap(openCheckpoint(empty, verifier))).toMatchObject({ size: 0, root: emptyRoot });
  });

  test('of the largest size opens', () => {
    const size = Number.MAX_SAFE_INTEGER;
    const largest = signCheckpoint(formatCheckpoint({ ...head(13), size }), signer);
    expect(unwrap(openCheckpoint(largest, verifier)).size).toBe(size);
  });

  test('opens with a line of a key that is not known', () => {
    expect(openCheckpoint(note + strangerLine('witness.example'), verifier).ok).toBe(true);
    expect(openCheckpoint(note.replace('\n\n', `\n\n${strangerLine('witness.example')}`), verifier).ok).toBe(true);
  });

  test('opens with a line that shares only the name or only the id of the key', () => {
    expect(openCheckpoint(note + strangerLine(origin), verifier).ok).toBe(true);
    expect(openCheckpoint(note + strangerLine('witness.example', verifier.keyId), verifier).ok).toBe(true);
  });

  test('opens with 16 post-quantum signatures of 5 kB before that of the log', () => {
    const lines = Array.from({ length: 16 }, (_, i) => strangerLine(`w${i}.example`, undefined, 5000)).join('');
    expect(openCheckpoint(note.replace('\n\n', `\n\n${lines}`), verifier).ok).toBe(true);
  });

  test('opens with either key while the log changes keys', () => {
    const next = generateKeyPairSync('ed25519');
    const both = signCheckpoint(formatCheckpoint(head(13)), signer, ed25519NoteSigner(origin, next.privateKey));
    const nextVerifier = unwrap(parseVerifierKey(verifierKey(origin, next.publicKey)));
    expect(openCheckpoint(both, verifier).ok).toBe(true);
    expect(openCheckpoint(both, nextVerifier).ok).toBe(true);
  });

  describe('of a log that has changed its key between sizes 8 and 13', () => {
    const next = generateKeyPairSync('ed25519');
    const nextSigner = ed25519NoteSigner(origin, next.privateKey);
    const nextVerifier = unwrap(parseVerifierKey(verifierKey(origin, next.publicKey)));
    const keys = {
      name: origin,
      keys: [
        { verifier, from: 0, until: 10 },
        { verifier: nextVerifier, from: 8, until: Number.MAX_SAFE_INTEGER },
      ],
    };
    const signed = (size: number, first: NoteSigner, ...more: NoteSigner[]) =>
      openCheckpoint(signCheckpoint(formatCheckpoint(head(size)), first, ...more), keys);

    test.each([
      ['the old key before', 7, [signer]],
      ['the old key meanwhile', 10, [signer]],
      ['the new key meanwhile', 8, [nextSigner]],
      ['both meanwhile', 9, [signer, nextSigner]],
      ['the new key afterwards', 11, [nextSigner]],
      ['the new key afterwards, the old one beside it', 13, [signer, nextSigner]],
    ] as const)('opens by %s', (_name, size, [first, ...more]) => {
      expect(signed(size, first, ...more)).toMatchObject({ ok: true, value: { size } });
    });

    test.each([
      ['the new key before it was told', 7, nextSigner],
      ['the retired key for a newer size', 11, signer],
    ] as const)('does not open by %s', (_name, size, by) => {
      expect(signed(size, by)).toMatchObject(invalid);
    });
  });

  test('opens with extension lines, which the format allows', () => {
    const body = `${formatCheckpoint(head(13))}extension\n`;
    expect(unwrap(openCheckpoint(signCheckpoint(body, signer), verifier)).size).toBe(13);
  });
});

describe('a note that is signed by the log but is no checkpoint', () => {
  test.each([
    ['no size and no root', `${origin}\n`],
    ['no root', `${origin}\n13\n`],
    ['another origin', `other.example/log\n13\n${root64}\n`],
    ['an origin with a space behind it', `${origin} \n13\n${root64}\n`],
    ['an empty origin', `\n13\n${root64}\n`],
    ['an empty size', `${origin}\n\n${root64}\n`],
    ['a size with a leading zero', `${origin}\n013\n${root64}\n`],
    ['a size of two zeros', `${origin}\n00\n${emptyRoot.toString('base64')}\n`],
    ['a negative size', `${origin}\n-13\n${root64}\n`],
    ['a size with a sign', `${origin}\n+13\n${root64}\n`],
    ['a size in hexadecimal', `${origin}\n0xd\n${root64}\n`],
    ['a size with an exponent', `${origin}\n13e0\n${root64}\n`],
    ['a size with a space', `${origin}\n13 \n${root64}\n`],
    ['a size with a fraction', `${origin}\n13.0\n${root64}\n`],
    ['a size in other digits', `${origin}\n١٣\n${root64}\n`],
    ['a size of 2^53', `${origin}\n9007199254740992\n${root64}\n`],
    ['a size of 2^64', `${origin}\n18446744073709551616\n${root64}\n`],
    ['a size of 1,000 digits', `${origin}\n${'9'.repeat(1000)}\n${root64}\n`],
    ['a root without padding', `${origin}\n13\n${root64.replace('=', '')}\n`],
    ['a root of 31 bytes', `${origin}\n13\n${tree.root().subarray(1).toString('base64')}\n`],
    ['a root of 33 bytes', `${origin}\n13\n${Buffer.concat([tree.root(), Buffer.of(0)]).toString('base64')}\n`],
    [
      'a root in the URL alphabet',
      `${origin}\n13\n${Buffer.alloc(32, 0xff).toString('base64').replaceAll('/', '_')}\n`,
    ],
    ['a root with stray bits', `${origin}\n13\n${'A'.repeat(42)}B=\n`],
    ['a root in hexadecimal', `${origin}\n13\n${tree.root().toString('hex')}\n`],
    ['a space behind the root', `${origin}\n13\n${root64} \n`],
    ['another root of the empty tree', `${origin}\n0\n${root64}\n`],
    ['an empty extension line', `${origin}\n13\n${root64}\n\nextension\n`],
    ['an empty line at its end', `${origin}\n13\n${root64}\n\n`],
  ])('is refused for %s', (_name, body) => {
    expect(openCheckpoint(signCheckpoint(body, signer), verifier)).toMatchObject(invalid);
  });
});

describe('a note', () => {
  const body = formatCheckpoint(head(13));
  const note = signCheckpoint(body, signer);
  const signature = note.trimEnd().split(' ').at(-1) ?? '';
  const bytes = Buffer.from(signature, 'base64');
  const line = (base64: string, name = origin): string => `— ${name} ${base64}\n`;
  const withLines = (...lines: string[]): string => `${body}\n${lines.join('')}`;
  const turned = (at: number): string => {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    return changed.toString('base64');
  };
  // 68 bytes end in one "=": of the last character two bits count for nothing.
  const strayBits = signature.replace(
    /(.)=$/,
    (_all, last: string) => `${String.fromCharCode(last.charCodeAt(0) + 1)}=`,
  );

  test('as these cases build it is itself valid', () => {
    expect(openCheckpoint(withLines(line(signature)), verifier).ok).toBe(true);
    expect(Buffer.from(strayBits, 'base64')).toEqual(bytes);
  });

  test.each([
    ['nothing', ''],
    ['a newline only', '\n'],
    ['two newlines only', '\n\n'],
    ['no signature', body],
    ['no signature after the blank line', `${body}\n`],
    ['no blank line', `${body}${line(signature)}`],
    ['no newline at the end', note.slice(0, -1)],
    ['a blank line at the end', `${note}\n`],
    ['a carriage return', note.replaceAll('\n', '\r\n')],
    ['something behind the signatures', `${note}\nand more\n`],
    ['a space before it', ` ${note}`],
    ['a byte order mark', `\ufeff${note}`],
    ['another size', note.replace('\n13\n', '\n12\n')],
    ['another root', note.replace(root64, tree.root(12).toString('base64'))],
    ['only a line of a stranger', withLines(strangerLine('witness.example'))],
    ['only the right name', withLines(strangerLine(origin))],
    ['only the right key id', withLines(strangerLine('witness.example', verifier.keyId))],
    ['the right name in capitals', withLines(line(signature, origin.toUpperCase()))],
    ['a signature with a bit turned in front', withLines(line(turned(4)))],
    ['a signature with a bit turned at the end', withLines(line(turned(67)))],
    ['a signature cut short', withLines(line(bytes.subarray(0, -1).toString('base64')))],
    ['a signature made longer', withLines(line(Buffer.concat([bytes, Buffer.of(0)]).toString('base64')))],
    ['a key id and no signature', withLines(line(bytes.subarray(0, 4).toString('base64')))],
    ['a second line of the key that does not verify', note + line(turned(67))],
    ['stray bits in the base64', withLines(line(strayBits))],
    ['stray bits in the base64 of a second line', note + line(strayBits)],
    ['no padding', withLines(line(signature.replace('=', '')))],
    ['base64 of the URL alphabet in a line of a stranger', `${note}— witness.example ${'_'.repeat(88)}\n`],
    ['an empty signature', withLines(line(''))],
    ['a hyphen for the em dash', note.replace('— ', '- ')],
    ['an en dash for the em dash', note.replace('— ', '– ')],
    ['two spaces before the signature', withLines(line(` ${signature}`))],
    ['a tab before the signature', note.replace(` ${signature}`, `\t${signature}`)],
    ['a space behind the signature', withLines(line(`${signature} `))],
    ['a key id and no signature of a stranger', note + strangerLine('w.example', undefined, 0)],
    ['a stranger without a name', note + strangerLine('')],
    ['a stranger with a plus in the name', note + strangerLine('a+b')],
    ['a stranger with a Unicode space in the name', note + strangerLine('a\u00a0b')],
    ['a stranger with a control character in the name', note + strangerLine('a\u0007b')],
    ['a stranger with half a character in the name', note + strangerLine('a\ud800b')],
    ['101 signatures', withLines(line(signature), ...Array.from({ length: 100 }, () => strangerLine('w.example')))],
    ['more than 128 KiB', withLines(line(signature), strangerLine('w.example', undefined, 128 * 1024))],
  ])('with %s is refused', (_name, changed) => {
    expect(openCheckpoint(changed, verifier)).toMatchObject(invalid);
  });

  test('with any one character changed is refused', () => {
    const accepted = [...note].filter((character, at) => {
      const changed = [...note].with(at, character === 'A' ? 'B' : 'A').join('');
      return openCheckpoint(changed, verifier).ok;
    });
    expect(accepted).toEqual([]);
  });

  test('signed by another key of the same name is refused', () => {
    const stranger = ed25519NoteSigner(origin, generateKeyPairSync('ed25519').privateKey);
    expect(openCheckpoint(signCheckpoint(body, stranger), verifier)).toMatchObject(invalid);
  });

  test('signed by another key that claims the id of the log key is refused', () => {
    const other = ed25519NoteSigner(origin, generateKeyPairSync('ed25519').privateKey);
    const forger: NoteSigner = { name: origin, keyId: verifier.keyId, sign: (text) => other.sign(text) };
    expect(openCheckpoint(signCheckpoint(body, forger), verifier)).toMatchObject(invalid);
  });

  test.each([
    ['a control character', `${origin}\u0000`],
    ['a tab', `${origin}\t`],
    ['half a character', `${origin}\ud800`],
  ])('with %s in the text is not even signed', (_name, text) => {
    expect(() => signCheckpoint(`${text}\n13\n${root64}\n`, signer)).toThrow(TypeError);
  });

  test('without a newline at the end of the text is not signed', () => {
    expect(() => signCheckpoint(body.slice(0, -1), signer)).toThrow(TypeError);
  });
});

describe('what is no tree head', () => {
  test.each<[string, Partial<TreeHead>]>([
    ['an empty origin', { origin: '' }],
    ['an origin with a newline', { origin: 'a\nb' }],
    ['an origin with a space', { origin: 'a b' }],
    ['an origin with a plus', { origin: 'a+b' }],
    ['a negative size', { size: -1 }],
    ['a size with a fraction', { size: 1.5 }],
    ['a size beyond the safe integers', { size: 2 ** 53 }],
    ['a root that is no hash', { root: Buffer.alloc(31) }],
    ['another root of the empty tree', { size: 0 }],
  ])('is not formatted: %s', (_name, change) => {
    expect(() => formatCheckpoint({ ...head(13), ...change })).toThrow();
  });
});

describe('a verifier key', () => {
  test('carries name, id, type and public key', () => {
    const [, name, id, base64 = ''] = /^(.+)\+([0-9a-f]{8})\+(.+)$/.exec(verifierKey(origin, publicKey)) ?? [];
    const { x = '' } = publicKey.export({ format: 'jwk' });
    expect([name, id]).toEqual([origin, signer.keyId.toString('hex')]);
    expect(Buffer.from(base64, 'base64')).toEqual(Buffer.concat([Buffer.of(1), Buffer.from(x, 'base64url')]));
  });

  test('of the same key under another name has another id', () => {
    expect(ed25519NoteSigner('a.example', privateKey).keyId).not.toEqual(
      ed25519NoteSigner('b.example', privateKey).keyId,
    );
  });

  test('is the same made from the private key', () => {
    expect(verifierKey(origin, createPublicKey(privateKey))).toBe(verifierKey(origin, publicKey));
    expect(signer.keyId).toEqual(verifier.keyId);
  });

  const valid = verifierKey(origin, publicKey);
  const [, id = ''] = valid.split('+');
  const base64 = valid.slice(origin.length + 10);
  const encoded = Buffer.from(base64, 'base64');
  const ofType = (type: number): string => {
    const key = Buffer.concat([Buffer.of(type), encoded.subarray(1)]);
    const itsId = createHash('sha256').update(`${origin}\n`).update(key).digest('hex').slice(0, 8);
    return `${origin}+${itsId}+${key.toString('base64')}`;
  };

  test('as these cases build it is itself valid', () => expect(ofType(1)).toBe(valid));

  test.each([
    ['nothing', ''],
    ['a name only', origin],
    ['no key', `${origin}+${id}`],
    ['an empty key', `${origin}+${id}+`],
    ['no name', `+${id}+${base64}`],
    ['another name', `x${valid}`],
    ['a space in the name', ` ${valid}`],
    ['a newline behind it', `${valid}\n`],
    ['another id', `${origin}+00000000+${base64}`],
    ['an id in capitals', `${origin}+${id.toUpperCase().replaceAll(/[0-9]/g, 'A')}+${base64}`],
    ['a shorter id', `${origin}+${id.slice(1)}+${base64}`],
    ['a key without its padding or its last byte', `${origin}+${id}+${base64.slice(0, -4)}`],
    ['a cosignature key, which is for witnesses', ofType(4)],
    ['an unknown type', ofType(9)],
    ['a key with a byte too many', `${origin}+${id}+${Buffer.concat([encoded, Buffer.of(0)]).toString('base64')}`],
    ['the URL alphabet', `${origin}+${id}+${'_'.repeat(44)}`],
  ])('with %s is refused', (_name, text) => {
    expect(parseVerifierKey(text)).toMatchObject(invalid);
  });

  test('is made of an Ed25519 key only', () => {
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(() => verifierKey(origin, other.publicKey)).toThrow(TypeError);
    expect(() => ed25519NoteSigner(origin, other.privateKey)).toThrow(TypeError);
    expect(() => ed25519NoteSigner(origin, generateKeyPairSync('x25519').privateKey)).toThrow(TypeError);
  });

  test('is not made for a name that cannot stand in a note', () => {
    expect(() => verifierKey('two words', publicKey)).toThrow(TypeError);
  });
});

describe('growth of the log', () => {
  test('from each size to each later one is shown by the consistency proof', () => {
    for (let first = 0; first <= 13; first += 1) {
      for (let second = first; second <= 13; second += 1) {
        expect(verifyGrowth(head(first), head(second), tree.consistencyProof(first, second)).ok).toBe(true);
      }
    }
  });

  const fork = MemoryTree.of(distinctLeaves(14).slice(1));
  test.each<[string, TreeHead, TreeHead, Buffer[]]>([
    ['of another log', head(6), { ...head(13), origin: 'other.example' }, tree.consistencyProof(6, 13)],
    ['backwards', head(13), head(6), tree.consistencyProof(6, 13)],
    ['to a fork', head(6), { ...head(13), root: fork.root() }, fork.consistencyProof(6, 13)],
    ['to a fork of the same size', head(13), { ...head(13), root: fork.root() }, []],
    ['without proof', head(6), head(13), []],
    ['from the empty log with a proof', head(0), head(13), [tree.root()]],
    ['from an empty log with another root', { ...head(0), root: tree.root() }, head(13), []],
    ['from the empty log to the empty log with another root', head(0), { ...head(0), root: tree.root() }, []],
  ])('%s is refused', (_name, earlier, later, proof) => {
    expect(verifyGrowth(earlier, later, proof)).toMatchObject({ ok: false, error: { code: 'LOG_INCONSISTENT' } });
  });
});
