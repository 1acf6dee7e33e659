/**
 * Standard base64 (RFC 4648 §4) to bytes; undefined unless canonical. Node.js forgives missing padding, the URL alphabet,
 * white space and stray bits in the last character: two texts for one value, of which a signature covers neither.
 */
export function decodeBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}

export const encodeBase64 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
