import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import './index.js';

type Alphabet = 'base64' | 'base64url';
interface WithBase64 {
  toBase64(options?: { alphabet?: Alphabet; omitPadding?: boolean }): string;
}
interface Base64Reader {
  fromBase64(text: string, options?: { alphabet?: Alphabet; lastChunkHandling?: 'loose' | 'strict' }): Uint8Array;
}
const encode = (bytes: Uint8Array) => bytes as unknown as WithBase64;
// Typed arrays are shared by all test files of a process, their SyntaxError is not.
const syntaxError = expect.objectContaining({ name: 'SyntaxError' }) as unknown as Error;
const reader = Uint8Array as unknown as Base64Reader;

describe('base64 of typed arrays, where the runtime has none', () => {
  it('round trips bytes in both alphabets, padded or not', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        fc.constantFrom<Alphabet>('base64', 'base64url'),
        fc.boolean(),
        (bytes, alphabet, omitPadding) => {
          const text = encode(bytes).toBase64({ alphabet, omitPadding });
          expect(text.endsWith('=')).toBe(!omitPadding && bytes.length % 3 !== 0);
          expect([...reader.fromBase64(text, { alphabet })]).toEqual([...bytes]);
        },
      ),
      { seed: 20_260_613, numRuns: 300 },
    );
  });

  it('encodes a view of a larger buffer, not the buffer', () => {
    expect(encode(new Uint8Array([1, 2, 3, 4]).subarray(1, 3)).toBase64()).toBe('AgM=');
  });

  it('hands out bytes that share memory with nothing', () => {
    const bytes = reader.fromBase64('AgM=');
    expect(bytes.buffer.byteLength).toBe(2);
    expect(Buffer.isBuffer(bytes)).toBe(false);
  });

  it('skips white space as the standard says', () => {
    expect([...reader.fromBase64(' Ag\nM= ')]).toEqual([2, 3]);
  });

  it.each(['A', 'AgM==', 'A=', 'A===', '=', 'Ag=M', 'A-_A', 'Ä', 'AgM=A'])('refuses "%s"', (text) => {
    expect(() => reader.fromBase64(text)).toThrow(syntaxError);
  });

  it('refuses the other alphabet', () => {
    expect(() => reader.fromBase64('+/+/', { alphabet: 'base64url' })).toThrow(syntaxError);
  });

  it('refuses stray bits when told to be strict', () => {
    expect([...reader.fromBase64('AgN=')]).toEqual([2, 3]);
    expect(() => reader.fromBase64('AgN=', { lastChunkHandling: 'strict' })).toThrow(syntaxError);
  });

  it('does not show in a loop over members', () => {
    expect(Object.keys(Uint8Array.prototype)).toEqual([]);
  });
});
