/**
 * `Uint8Array.prototype.toBase64` and `Uint8Array.fromBase64` (ECMAScript 2026) over Buffer, where the runtime lacks
 * them. jose encodes in JavaScript otherwise, which costs ten times the encryption itself (design page 2, "Attachments
 * and large bodies"). Must be evaluated before jose is used, so it is the first import of this library.
 */
type Alphabet = 'base64' | 'base64url';
interface EncodeOptions {
  readonly alphabet?: Alphabet;
  readonly omitPadding?: boolean;
}
interface DecodeOptions {
  readonly alphabet?: Alphabet;
  readonly lastChunkHandling?: 'loose' | 'strict';
}

const paddingOf = (text: string): string => '='.repeat((4 - (text.length % 4)) % 4);

function toBase64(this: Uint8Array, { alphabet = 'base64', omitPadding = false }: EncodeOptions = {}): string {
  const text = Buffer.from(this.buffer, this.byteOffset, this.byteLength).toString(alphabet);
  if (alphabet === 'base64') return omitPadding ? text.replace(/=+$/, '') : text;
  return omitPadding ? text : text + paddingOf(text);
}

const legalText = {
  base64: /^[A-Za-z0-9+/]*(={0,2})$/,
  base64url: /^[A-Za-z0-9_-]*(={0,2})$/,
} as const;

/** Unlike Buffer.from, throws SyntaxError on what is no base64: callers of the standard function rely on that. */
function fromBase64(text: string, options: DecodeOptions = {}): Uint8Array {
  const { alphabet = 'base64', lastChunkHandling = 'loose' } = options;
  const compact = text.replace(/[\t\n\f\r ]+/g, '');
  const padding = legalText[alphabet].exec(compact)?.[1];
  const digits = compact.length - (padding?.length ?? 0);
  const padded = padding !== undefined && padding.length > 0;
  if (padding === undefined || digits % 4 === 1 || (padded && compact.length % 4 !== 0)) {
    throw new SyntaxError('not base64');
  }
  // A copy: Buffer.from(text) may lie in a pool that other buffers share.
  const bytes = new Uint8Array(Buffer.from(compact, alphabet));
  if (lastChunkHandling === 'strict' && toBase64.call(bytes, { alphabet }) !== compact) {
    throw new SyntaxError('not canonical base64');
  }
  return bytes;
}

const hidden = { writable: true, configurable: true, enumerable: false } as const;

if (!('toBase64' in Uint8Array.prototype)) {
  Object.defineProperty(Uint8Array.prototype, 'toBase64', { value: toBase64, ...hidden });
}
if (!('fromBase64' in Uint8Array)) Object.defineProperty(Uint8Array, 'fromBase64', { value: fromBase64, ...hidden });
