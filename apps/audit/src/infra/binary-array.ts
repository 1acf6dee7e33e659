const oids = { bigint: 20, bytea: 17, integer: 23, text: 25, timestamptz: 1184, uuid: 2950 } as const;
const headerBytes = 20;
const uuidBytes = 16;
const mostByHand = 48;
const hyphen = '-'.charCodeAt(0);
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
    this.bytes = Buffer.allocUnsafe(headerBytes + Math.ceil(elements * (4 + guess)));
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

  /** Digit by digit: three an entry, for which a call of `write` and a text without hyphens take longer. */
  uuid(value: string): void {
    this.reserve(4 + uuidBytes);
    this.at = this.bytes.writeInt32BE(uuidBytes, this.at);
    let digits = 0;
    let byte = 0;
    for (let at = 0; at < value.length; at += 1) {
      const code = value.charCodeAt(at);
      if (code === hyphen) continue;
      const digit = digitOf(code);
      if (digit === undefined || digits === 2 * uuidBytes) throw new TypeError('not a UUID');
      byte = (byte << 4) | digit;
      digits += 1;
      if (digits % 2 === 0) this.bytes[this.at + digits / 2 - 1] = byte & 0xff;
    }
    if (digits !== 2 * uuidBytes) throw new TypeError('not a UUID');
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

/** Of a hexadecimal digit, in small letters or capitals. */
function digitOf(code: number): number | undefined {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  const letter = code | 0x20;
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : undefined;
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

/** Values are taken to be about as long as the first, so that what was written is seldom copied to larger memory. */
export function byteaArray<Row>(rows: readonly Row[], of: Of<Row, Uint8Array>): Buffer {
  const first = rows[0] && of(rows[0]);
  return arrayOf([oids.bytea, (first?.length ?? 0) * 1.25], rows, of, (array, value) => array.copy(value));
}

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
