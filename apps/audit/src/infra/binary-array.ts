const oids = { bigint: 20, bytea: 17, integer: 23, text: 25, timestamptz: 1184, uuid: 2950 } as const;
const headerBytes = 20;
const uuidBytes = 16;
/** PostgreSQL counts time in microseconds from 2000-01-01. */
const postgresEpoch = Date.UTC(2000, 0, 1);

/**
 * A one-dimensional array in PostgreSQL's binary format (`array_send`): the driver passes a Buffer through as it is, where it
 * would write an array as text, bytes in hexadecimal. A parameter's cast must name the same element type.
 */
class BinaryArray {
  private bytes: Buffer;
  private at = headerBytes;
  private nulls = 0;

  /** @param guess bytes of an element, about */
  constructor(
    private readonly oid: number,
    private readonly elements: number,
    guess: number,
  ) {
    this.bytes = Buffer.allocUnsafe(headerBytes + elements * (4 + guess));
  }

  null(): void {
    this.nulls = 1;
    this.reserve(4);
    this.at = this.bytes.writeInt32BE(-1, this.at);
  }

  copy(value: Uint8Array): void {
    this.reserve(4 + value.length);
    this.at = this.bytes.writeInt32BE(value.length, this.at);
    this.bytes.set(value, this.at);
    this.at += value.length;
  }

  text(value: string): void {
    this.reserve(4 + 3 * value.length);
    const length = this.bytes.write(value, this.at + 4);
    this.at = this.bytes.writeInt32BE(length, this.at) + length;
  }

  uuid(value: string): void {
    const digits = value.length === 2 * uuidBytes ? value : value.replaceAll('-', '');
    this.reserve(4 + uuidBytes);
    this.at = this.bytes.writeInt32BE(uuidBytes, this.at);
    const isWhole = digits.length === 2 * uuidBytes && this.bytes.write(digits, this.at, 'hex') === uuidBytes;
    if (!isWhole) throw new TypeError('not a UUID');
    this.at += uuidBytes;
  }

  integer(value: number): void {
    this.reserve(8);
    this.at = this.bytes.writeInt32BE(4, this.at);
    this.at = this.bytes.writeInt32BE(value, this.at);
  }

  bigint(value: number): void {
    this.reserve(12);
    this.at = this.bytes.writeInt32BE(8, this.at);
    this.at = this.bytes.writeInt32BE(Math.floor(value / 2 ** 32), this.at);
    this.at = this.bytes.writeUInt32BE(value >>> 0, this.at);
  }

  done(): Buffer {
    this.bytes.writeInt32BE(this.elements === 0 ? 0 : 1, 0);
    this.bytes.writeInt32BE(this.nulls, 4);
    this.bytes.writeInt32BE(this.oid, 8);
    if (this.elements === 0) return this.bytes.subarray(0, 12);
    this.bytes.writeInt32BE(this.elements, 12);
    this.bytes.writeInt32BE(1, 16);
    return this.bytes.subarray(0, this.at);
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * this.bytes.length + bytes);
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
  }
}

export function byteaArray(values: readonly (Uint8Array | null)[]): Buffer {
  const array = new BinaryArray(oids.bytea, values.length, 64);
  for (const value of values)
    if (value === null) array.null();
    else array.copy(value);
  return array.done();
}

export function textArray(values: readonly (string | null)[]): Buffer {
  const array = new BinaryArray(oids.text, values.length, 24);
  for (const value of values)
    if (value === null) array.null();
    else array.text(value);
  return array.done();
}

/** Of hex digits, with or without hyphens. Throws TypeError for anything else. */
export function uuidArray(values: readonly (string | null)[]): Buffer {
  const array = new BinaryArray(oids.uuid, values.length, uuidBytes);
  for (const value of values)
    if (value === null) array.null();
    else array.uuid(value);
  return array.done();
}

/** Of safe integers. */
export function bigintArray(values: readonly (number | null)[]): Buffer {
  const array = new BinaryArray(oids.bigint, values.length, 8);
  for (const value of values)
    if (value === null) array.null();
    else array.bigint(value);
  return array.done();
}

/** Of integers below 2^31. */
export function integerArray(values: readonly (number | null)[]): Buffer {
  const array = new BinaryArray(oids.integer, values.length, 4);
  for (const value of values)
    if (value === null) array.null();
    else array.integer(value);
  return array.done();
}

/** Of ISO 8601 instants, to the millisecond. */
export function timestamptzArray(values: readonly (string | null)[]): Buffer {
  const array = new BinaryArray(oids.timestamptz, values.length, 8);
  for (const value of values)
    if (value === null) array.null();
    else array.bigint((Date.parse(value) - postgresEpoch) * 1_000);
  return array.done();
}
