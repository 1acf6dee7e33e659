import { beforeEach, describe, expect, it } from '@jest/globals';
import { FixedClock } from '#kernel';
import { DpopNonces } from './dpop-nonce.js';

describe('a DPoP nonce', () => {
  let clock: FixedClock;
  let nonces: DpopNonces;
  const later = (seconds: number): void => clock.advance(seconds * 1000);

  beforeEach(() => {
    clock = new FixedClock(new Date('2026-03-02T10:00:00Z'));
    nonces = new DpopNonces(clock);
  });

  it('is accepted for a minute', () => {
    const nonce = nonces.issue();
    later(60);
    expect(nonces.accepts(nonce)).toBe(true);
  });

  it('is stale after that', () => {
    const nonce = nonces.issue();
    later(61);
    expect(nonces.accepts(nonce)).toBe(false);
  });

  it('of another instance is not accepted, so a proof cannot be replayed there', () => {
    expect(nonces.accepts(new DpopNonces(clock).issue())).toBe(false);
  });

  it('cannot be made younger', () => {
    const [, tag] = nonces.issue().split('.');
    later(30);
    const [fresh] = nonces.issue().split('.');
    expect(nonces.accepts(`${fresh}.${tag}`)).toBe(false);
  });

  it.each([undefined, 7, '', '.', 'x', 'x.y', ['a']])('is not %p', (value) => {
    expect(nonces.accepts(value)).toBe(false);
  });

  it('has two parts and no more', () => {
    expect(nonces.accepts(`${nonces.issue()}.x`)).toBe(false);
  });
});
