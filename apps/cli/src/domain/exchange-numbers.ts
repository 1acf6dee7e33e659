import type { ExchangeId } from '#kernel';

/** Numbers of an exchange that no entry carries although a later one does. */
export interface NumberGap {
  readonly exchangeId: ExchangeId;
  readonly missing: readonly number[];
}

/** Beyond this an exchange's numbers are not collected: no honest one has so many. */
const highestNumber = 10_000;

/**
 * Which numbers within each exchange were seen. The hub numbers the events of an exchange from 1 without gaps, so that a
 * left-out entry shows. Keeps one bit a number.
 */
export class ExchangeNumbers {
  private readonly seen = new Map<ExchangeId, bigint>();

  add(exchangeId: ExchangeId, number: number): void {
    if (number < 1 || number > highestNumber) return;
    this.seen.set(exchangeId, (this.seen.get(exchangeId) ?? 0n) | (1n << BigInt(number - 1)));
  }

  gaps(): NumberGap[] {
    const gaps: NumberGap[] = [];
    for (const [exchangeId, bits] of this.seen) {
      const text = bits.toString(2);
      if (!text.includes('0')) continue;
      // The highest number stands first.
      const missing = [...text].flatMap((bit, at) => (bit === '0' ? [text.length - at] : []));
      gaps.push({ exchangeId, missing: missing.reverse() });
    }
    return gaps;
  }
}
