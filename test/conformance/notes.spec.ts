import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { unwrap } from '#kernel';
import {
  cosignaturesIn,
  cosigner,
  isQuorum,
  openNote,
  parseCosignerKey,
  parsePolicy,
  parseVerifierKey,
  signNote,
} from '#merkle';

type Expected = 'valid' | 'invalid';

interface KeyCase {
  name: string;
  key: string;
  result: Expected;
}

interface NoteCase {
  name: string;
  key: string;
  note: string;
  result: Expected;
}

interface CosignatureCase {
  name: string;
  witnesses: string[];
  note: string;
  result: Expected;
  /** Second of the cosignature by the witness's key. */
  cosigned?: Record<string, number>;
}

interface SigningCase {
  name: string;
  cosigner: string;
  /** Private key of 32 bytes in hexadecimal. */
  seed: string;
  time: number;
  text: string;
  line: string;
}

interface PolicyCase {
  name: string;
  result: Expected;
  policy: string;
  quorum?: { cosigned: string[]; enough: boolean }[];
}

const read = <T>(file: string): T => JSON.parse(readFileSync(new URL(`./notes/${file}`, import.meta.url), 'utf8')) as T;

const outcome = (result: Expected, code: string): object =>
  result === 'valid' ? { ok: true } : { ok: false, error: { code } };

describe('signed notes as Go has them (golang.org/x/mod/sumdb/note)', () => {
  const { keys, notes } = read<{ keys: KeyCase[]; notes: NoteCase[] }>('signed-note.json');

  test.each(keys)('the key is $result: $name', ({ key, result }) => {
    expect(parseVerifierKey(key)).toMatchObject(outcome(result, 'CHECKPOINT_INVALID'));
  });

  test.each(notes)('the note is $result: $name', ({ key, note, result }) => {
    const opened = openNote(note, unwrap(parseVerifierKey(key)));
    expect(opened).toMatchObject(outcome(result, 'CHECKPOINT_INVALID'));
    if (opened.ok) expect(note.startsWith(`${opened.value}\n\u2014 `)).toBe(true);
  });
});

describe('cosignatures as Go has them (transparency-dev/formats)', () => {
  const { keys, notes, signing } = read<{ keys: KeyCase[]; notes: CosignatureCase[]; signing: SigningCase[] }>(
    'cosignature.json',
  );

  test.each(keys)('the key is $result: $name', ({ key, result }) => {
    expect(parseCosignerKey(key)).toMatchObject(outcome(result, 'CHECKPOINT_INVALID'));
  });

  test.each(notes)('the note is $result: $name', ({ witnesses, note, result, cosigned }) => {
    const verifiers = witnesses.map((key) => unwrap(parseCosignerKey(key)));
    const found = cosignaturesIn(note, verifiers);
    expect(found).toMatchObject(outcome(result, 'CHECKPOINT_INVALID'));
    if (!found.ok) return;
    const times = found.value.map(({ verifier, at }) => [witnesses[verifiers.indexOf(verifier)], at.getTime() / 1_000]);
    expect(Object.fromEntries(times)).toEqual(cosigned);
  });

  test.each(signing)('$name cosigns to the same bytes', ({ cosigner: name, seed, time, text, line }) => {
    // PKCS #8 of an Ed25519 key (RFC 8410 §7) is this and the seed.
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.from(seed, 'hex')]);
    const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    const signer = cosigner(name, privateKey, new Date(time * 1_000 + 999));
    expect(signNote(text, [signer])).toBe(`${text}\n${line}\n`);
  });
});

describe('witness policies (C2SP tlog-policy)', () => {
  const { policies } = read<{ policies: PolicyCase[] }>('tlog-policy.json');

  test.each(policies)('the policy is $result: $name', ({ policy, result, quorum }) => {
    const parsed = parsePolicy(policy);
    expect(parsed).toMatchObject(outcome(result, 'CONFIG_INVALID'));
    if (!parsed.ok) return;
    for (const { cosigned, enough } of quorum ?? []) expect(isQuorum(parsed.value, new Set(cosigned))).toBe(enough);
  });
});
