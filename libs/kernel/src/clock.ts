/** Source of the current time, so that rules about deadlines and expiry can be tested without waiting. */
export interface Clock {
  now(): Date;
}

export const systemClock: Clock = { now: () => new Date() };

/** A clock that stands still until it is moved. */
export class FixedClock implements Clock {
  constructor(private current: Date) {}

  now(): Date {
    return new Date(this.current);
  }

  advance(milliseconds: number): void {
    this.current = new Date(this.current.getTime() + milliseconds);
  }

  set(at: Date): void {
    this.current = at;
  }
}

/** Seconds since the epoch, as JOSE's NumericDate (RFC 7519 §2) without fractions. */
export const numericDate = (at: Date): number => Math.floor(at.getTime() / 1000);

export const fromNumericDate = (seconds: number): Date => new Date(seconds * 1000);
