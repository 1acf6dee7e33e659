import { describe, expect, it } from '@jest/globals';
import { unwrap } from '#kernel';
import { endingForCode, factOfClosing, moveMessage } from './settle-message.js';

describe('what becomes of an exchange when its opening message ends', () => {
  const delivered = { state: 'delivered', opensExchange: true } as const;

  it.each([
    ['expire', 'pass-deadline'],
    ['withdraw', 'end-basis'],
    ['revoke-key', 'fail-delivery'],
  ] as const)('%s gives it %s', (event, exchangeEvent) => {
    const moved = unwrap(moveMessage(delivered, { state: 'open', openedBy: 'request' }, event));
    expect(moved.exchangeEvent).toBe(exchangeEvent);
  });

  it('nothing, when it was closed before', () => {
    const moved = unwrap(moveMessage(delivered, { state: 'answered', openedBy: 'request' }, 'expire'));
    expect(moved).toEqual({ state: 'expired', exchangeEvent: undefined });
  });

  it('nothing, when a later message ends', () => {
    const later = { ...delivered, opensExchange: false };
    expect(unwrap(moveMessage(later, { state: 'open', openedBy: 'request' }, 'expire')).exchangeEvent).toBeUndefined();
  });

  it('a notice closes with its first opening and not again with the second', () => {
    const open = { state: 'open', openedBy: 'notice' } as const;
    expect(unwrap(moveMessage(delivered, open, 'release')).exchangeEvent).toBe('receive');
    const again = { state: 'released', opensExchange: true } as const;
    expect(unwrap(moveMessage(again, open, 'release')).exchangeEvent).toBeUndefined();
  });
});

describe('the ending that a final refusal gives', () => {
  it.each([
    ['MESSAGE_EXPIRED', 'expire'],
    ['RELEASE_KEY_DESTROYED', 'expire'],
    ['KEY_REVOKED', 'revoke-key'],
    ['CAPSULE_MISMATCH', 'revoke-key'],
    ['CONSENT_WITHDRAWN', 'withdraw'],
    ['CONSENT_EXPIRED', 'withdraw'],
    ['NO_BASIS', 'withdraw'],
  ] as const)('%s: %s', (code, ending) => {
    expect(endingForCode(code)).toBe(ending);
  });
});

describe('entries about the end of an exchange', () => {
  it('each end has one of its own, and being open none', () => {
    expect(factOfClosing('answered')).toBe('exchange-answered');
    expect(factOfClosing('cancelled')).toBe('exchange-cancelled');
    expect(factOfClosing('open')).toBeUndefined();
  });
});
