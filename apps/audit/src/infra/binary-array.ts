const oids = { bigint: 20, bytea: 17, integer: 23, text: 25, timestamptz: 1184, uuid: 2950 } as const;
const headerBytes = 20;
const uuidBytes = 16;
const mostByHand = 48;
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
    const length = this.ascii(value, this.at + 4) ?? this.bytes.write(value, this.at + 4);
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

  /** Most texts are short and ASCII, for which a call of `write` takes longer. `undefined`: there is more in it. */
  private ascii(value: string, begin: number): number | undefined {
    if (value.length > mostByHand) return undefined;
    for (let at = 0; at < value.length; at += 1) {
      const code = value.charCodeAt(at);
      if (code > 0x7f) return undefined;
      this.bytes[begin + at] = code;
    }
    return value.length;
  }

  private reserve(bytes: number): void {
    if (this.at + bytes <= this.bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * this.bytes.length + bytes);
    larger.set(this.bytes.subarray(0, this.at));
    this.bytes = larger;
  }
}

/** The element of a row; `undefined` and `null` are NULL. */
type Of<Row, T> = (row: Row) => T | null | undefined;

function arrayOf<Row, T>(
  [oid, guess]: readonly [number, number],
  rows: readonly Row[],
  of: Of<Row, T>,
  write: (array: BinaryArray, value: T) => void,
): Buffer {
  const array = new BinaryArray(oid, rows.length, guess);
  for (const row of rows) {
    const value = of(row);
    if (value === null || value === undefined) array.null();
    else write(array, value);
  }
  return array.done();
}

export const byteaArray = <Row>(rows: readonly Row[], of: Of<Row, Uint8Array>): Buffer =>
  arrayOf([oids.bytea, 64], rows, of, (array, value) => array.copy(value));

export const textArray = <Row>(rows: readonly Row[], of: Of<Row, string>): Buffer =>
  arrayOf([oids.text, 24], rows, of, (array, value) => array.text(value));

/** Of hex digits, with or without hyphens. Throws TypeError for anything else. */
export const uuidArray = <Row>(rows: readonly Row[], of: Of<Row, string>): Buffer =>
  arrayOf([oids.uuid, uuidBytes], rows, of, (array, value) => array.uuid(value));

/** Of safe integers. */
export const bigintArray = <Row>(rows: readonly Row[], of: Of<Row, number>): Buffer =>
  arrayOf([oids.bigint, 8], rows, of, (array, value) => array.bigint(value));

/** Of integers below 2^31. */
export const integerArray = <Row>(rows: readonly Row[], of: Of<Row, number>): Buffer =>
  arrayOf([oids.integer, 4], rows, of, (array, value) => array.integer(value));

/** Of ISO 8601 instants, to the millisecond. */
export const timestamptzArray = <Row>(rows: readonly Row[], of: Of<Row, string>): Buffer =>
  arrayOf([oids.timestamptz, 8], rows, of, (array, value) => array.bigint((Date.parse(value) - postgresEpoch) * 1_000));
