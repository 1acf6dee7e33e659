/** Position or number of leaves. Formats allow 0 to 2^64−1; this log itself stays within safe integers. */
export type TreeIndex = number | bigint;

const largestUint64 = 2n ** 64n - 1n;
const decimal = /^(?:0|[1-9][0-9]{0,19})$/;

/** The value as an unsigned 64-bit integer, or undefined where it is none. For values that an attacker may choose. */
export function asUint64(value: TreeIndex): bigint | undefined {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) return undefined;
  const exact = BigInt(value);
  return exact >= 0n && exact <= largestUint64 ? exact : undefined;
}

/** Decimal without leading zeros, sign or space, up to 2^64−1 (C2SP tlog-checkpoint, tlog-proof); else undefined. */
export const parseUint64 = (text: string): bigint | undefined =>
  decimal.test(text) ? asUint64(BigInt(text)) : undefined;

/** Throws RangeError unless the value is a whole number from 0 to 2^53−1: the log's own sizes and indices. */
export function assertTreeSize(value: number): void {
  if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`not a tree size or index: ${value}`);
}
