/**
 * One-dimensional arrays in PostgreSQL's binary format (`array_send`): the driver passes a Buffer through as it is, where it
 * would write an array as text, bytes in hexadecimal. A parameter's cast must name the same element type.
 */
const oids = { bigint: 20, bytea: 17, integer: 23, text: 25, timestamptz: 1184, uuid: 2950 } as const;
const headerBytes = 20;
/** PostgreSQL counts time in microseconds from 2000-01-01. */
const postgresEpoch = Date.UTC(2000, 0, 1);

/**
 * @param most bytes that a value takes at most
 * @param write puts a value there and says how many bytes it took
 */
function encode<T>(
  oid: number,
  values: readonly (T | null)[],
  most: (value: T) => number,
  write: (array: Buffer, at: number, value: T) => number,
): Buffer {
  const size = values.reduce((sum, value) => sum + 4 + (value === null ? 0 : most(value)), headerBytes);
  const array = Buffer.allocUnsafe(size);
  array.writeInt32BE(values.length === 0 ? 0 : 1, 0);
  array.writeInt32BE(values.includes(null) ? 1 : 0, 4);
  array.writeInt32BE(oid, 8);
  if (values.length === 0) return array.subarray(0, 12);
  array.writeInt32BE(values.length, 12);
  array.writeInt32BE(1, 16);
  let at = headerBytes;
  for (const value of values) {
    const length = value === null ? 0 : write(array, at + 4, value);
    array.writeInt32BE(value === null ? -1 : length, at);
    at += 4 + length;
  }
  return array.subarray(0, at);
}

const eightBytes = (): number => 8;
function writeBigint(array: Buffer, at: number, value: number): number {
  array.writeInt32BE(Math.floor(value / 2 ** 32), at);
  array.writeUInt32BE(value >>> 0, at + 4);
  return 8;
}

export const byteaArray = (values: readonly (Buffer | null)[]): Buffer =>
  encode(
    oids.bytea,
    values,
    (value) => value.length,
    (array, at, value) => value.copy(array, at),
  );

export const textArray = (values: readonly (string | null)[]): Buffer =>
  encode(
    oids.text,
    values,
    (value) => 3 * value.length,
    (array, at, value) => array.write(value, at),
  );

const uuidBytes = 16;
function writeUuid(array: Buffer, at: number, value: string): number {
  const digits = value.replaceAll('-', '');
  const isWhole = digits.length === 2 * uuidBytes && array.write(digits, at, 'hex') === uuidBytes;
  if (!isWhole) throw new TypeError('not a UUID');
  return uuidBytes;
}

/** Of hex digits, with or without hyphens. Throws TypeError for anything else. */
export const uuidArray = (values: readonly (string | null)[]): Buffer =>
  encode(oids.uuid, values, () => uuidBytes, writeUuid);

/** Of safe integers. */
export const bigintArray = (values: readonly (number | null)[]): Buffer =>
  encode(oids.bigint, values, eightBytes, writeBigint);

/** Of integers below 2^31. */
export const integerArray = (values: readonly (number | null)[]): Buffer =>
  encode(
    oids.integer,
    values,
    () => 4,
    (array, at, value) => array.writeInt32BE(value, at) - at,
  );

/** Of ISO 8601 instants, to the millisecond. */
export const timestamptzArray = (values: readonly (string | null)[]): Buffer =>
  encode(oids.timestamptz, values, eightBytes, (array, at, value) =>
    writeBigint(array, at, (Date.parse(value) - postgresEpoch) * 1_000),
  );
