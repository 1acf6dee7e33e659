import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  isConsentId,
  isEventId,
  isExchangeId,
  isMessageId,
  newConsentId,
  newEventId,
  newExchangeId,
  newMessageId,
} from './ids.js';

const timeOf = (id: string): number => Number.parseInt(id.replaceAll('-', '').slice(0, 12), 16);

describe('a new name', () => {
  beforeEach(() => {
    jest.useFakeTimers({ now: new Date('2026-09-01T10:00:17.345Z') });
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it.each([
    ['of a message', newMessageId, isMessageId],
    ['of an exchange', newExchangeId, isExchangeId],
    ['of a consent', newConsentId, isConsentId],
  ])('%s is a UUIDv7 (RFC 9562) of the ten seconds in which it is made', (_of, make, isOne) => {
    const id = make();
    expect(isOne(id)).toBe(true);
    expect(id).toMatch(/^.{14}7.{4}[89ab]/);
    expect(new Date(timeOf(id)).toISOString()).toBe('2026-09-01T10:00:10.000Z');
  });

  it('of an event is one too, without hyphens', () => {
    const id = newEventId();
    expect(isEventId(id)).toBe(true);
    expect(id).toMatch(/^.{12}7.{3}[89ab]/);
    expect(new Date(timeOf(id)).toISOString()).toBe('2026-09-01T10:00:10.000Z');
  });

  it('says nothing of the moment within them', () => {
    const before = timeOf(newEventId());
    jest.setSystemTime(new Date('2026-09-01T10:00:19.999Z'));
    expect(timeOf(newEventId())).toBe(before);
    jest.setSystemTime(new Date('2026-09-01T10:00:20.000Z'));
    expect(timeOf(newEventId())).toBe(before + 10_000);
  });

  it('is another each time', () => expect(new Set(Array.from({ length: 1_000 }, newEventId)).size).toBe(1_000));
});
