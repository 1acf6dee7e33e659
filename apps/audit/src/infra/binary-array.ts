/**
 * One-dimensional arrays in PostgreSQL's binary format (`array_send`): the driver passes a Buffer through as it is, where it
 * would write an array as text, bytes in hexadecimal. A parameter's cast must name the same element type.
 */
const oids = { bigint: 20, bytea: 17, text: 25, uuid: 2950 } as const;
const headerBytes = 20;

function encode<T>(oid: number, values: readonly (T | null)[], bytesOf: (value: T) => Buffer): Buffer {
  const elements = values.map((value) => (value === null ? null : bytesOf(value)));
  const size = elements.reduce((sum, element) => sum + 4 + (element?.length ?? 0), headerBytes);
  const array = Buffer.allocUnsafe(values.length === 0 ? 12 : size);
  array.writeInt32BE(values.length === 0 ? 0 : 1, 0);
  array.writeInt32BE(elements.includes(null) ? 1 : 0, 4);
  array.writeInt32BE(oid, 8);
  if (values.length === 0) return array;
  array.writeInt32BE(values.length, 12);
  array.writeInt32BE(1, 16);
  let at = headerBytes;
  for (const element of elements) {
    array.writeInt32BE(element?.length ?? -1, at);
    at += 4;
    if (element) at += element.copy(array, at);
  }
  return array;
}

export const byteaArray = (values: readonly (Buffer | null)[]): Buffer => encode(oids.bytea, values, (value) => value);

export const textArray = (values: readonly (string | null)[]): Buffer =>
  encode(oids.text, values, (value) => Buffer.from(value, 'utf8'));

/** Of hex digits, with or without hyphens. */
export const uuidArray = (values: readonly (string | null)[]): Buffer =>
  encode(oids.uuid, values, (value) => Buffer.from(value.replaceAll('-', ''), 'hex'));

/** Of safe integers. */
export const bigintArray = (values: readonly (number | null)[]): Buffer =>
  encode(oids.bigint, values, (value) => {
    const bytes = Buffer.allocUnsafe(8);
    bytes.writeBigInt64BE(BigInt(value));
    return bytes;
  });
