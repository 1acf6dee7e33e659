import { describe, expect, it } from '@jest/globals';
import { type Sha256, agencyId } from '#kernel';
import fc from 'fast-check';
import {
  type ArrivingMessage,
  type Exchange,
  type ExchangeState,
  eventOfPassedDeadline,
  isLate,
  judgeArrival,
  nextExchangeState,
} from './exchange-state.js';
import { type ExchangeKind, type OpeningKind, exchangeKinds, isOpeningKind } from './message-kinds.js';

const seed = 20_260_102;
const parties = [agencyId('K-235'), agencyId('H-07'), agencyId('L-KELA')] as const;
const HOUR = 3_600_000;
const start = Date.parse('2026-03-02T08:00:00Z');

interface Step {
  readonly kind: ExchangeKind;
  readonly from: number;
  readonly to: number;
  /** Which of the accepted messages it replies to, counted from the newest; beyond them: none. */
  readonly repliesTo: number;
  readonly hoursLater: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom(...exchangeKinds),
  // Mostly the two parties, or nothing would ever be accepted.
  from: fc.constantFrom(0, 0, 0, 1, 1, 1, 2),
  to: fc.constantFrom(0, 0, 0, 1, 1, 1, 2),
  repliesTo: fc.nat({ max: 3 }),
  hoursLater: fc.constantFrom(0, 1, 24, 200),
});

interface Accepted extends ArrivingMessage {
  readonly hash: Sha256;
}

interface World {
  exchange: Exchange | undefined;
  readonly accepted: Accepted[];
  readonly states: ExchangeState[];
  now: Date;
}

/** As the service does it, without a database: judge, take, and let the deadline pass at any time. */
function run(steps: readonly Step[]): World {
  const world: World = { exchange: undefined, accepted: [], states: [], now: new Date(start) };
  for (const [index, { kind, from, to, repliesTo, hoursLater }] of steps.entries()) {
    world.now = new Date(world.now.getTime() + hoursLater * HOUR);
    const replied = world.accepted[world.accepted.length - 1 - repliesTo];
    const message: Accepted = {
      kind,
      sender: parties[from]!,
      recipient: parties[to]!,
      inReplyTo: replied?.hash,
      categories: [],
      hash: String(index).padStart(43, 'A') as Sha256,
    };
    const event = judgeArrival(world.exchange, message, replied, world.now);
    if (!event.ok) continue;
    world.accepted.push(message);
    world.exchange ??= {
      state: 'open',
      openedBy: kind as OpeningKind,
      asker: message.sender,
      holder: message.recipient,
      deadline: new Date(world.now.getTime() + 168 * HOUR),
      categories: [],
    };
    move(world, event.value);
  }
  return world;
}

function move(world: World, event: Parameters<typeof nextExchangeState>[1]): void {
  if (!world.exchange) throw new Error('no exchange');
  const next = nextExchangeState(world.exchange.state, event);
  if (!next.ok) throw next.error;
  world.exchange = { ...world.exchange, state: next.value };
  world.states.push(next.value);
}

const history = fc.array(step, { maxLength: 40 });
const assertAll = (check: (world: World) => void): void =>
  fc.assert(
    fc.property(history, (steps) => check(run(steps))),
    { seed, numRuns: 3_000 },
  );

describe('any history of an exchange', () => {
  it('accepts nothing after its end', () => {
    assertAll(({ states }) => {
      const end = states.findIndex((state) => state !== 'open');
      expect(end < 0 || end === states.length - 1).toBe(true);
    });
  });

  it('is between the two parties of its first message only', () => {
    assertAll(({ accepted }) => {
      const [first] = accepted;
      for (const { sender, recipient } of accepted)
        expect([sender, recipient].sort()).toEqual([first!.sender, first!.recipient].sort());
    });
  });

  it('begins with a kind that opens, and has at most one answer or refusal, which is its last message', () => {
    assertAll(({ accepted }) => {
      if (accepted[0]) expect(isOpeningKind(accepted[0].kind)).toBe(true);
      const ends = accepted.filter(({ kind }) => ['answer', 'refusal', 'withdrawal-notice'].includes(kind));
      expect(ends.length).toBeLessThanOrEqual(1);
      if (ends[0]) expect(accepted.at(-1)).toBe(ends[0]);
    });
  });

  it('replies only to what was sent to the one who replies', () => {
    assertAll(({ accepted }) => {
      for (const { inReplyTo, sender } of accepted) {
        if (inReplyTo === undefined) continue;
        expect(accepted.find(({ hash }) => hash === inReplyTo)?.recipient).toBe(sender);
      }
    });
  });

  it('ends: when nobody does anything more, its deadline does', () => {
    assertAll((world) => {
      if (!world.exchange) return;
      const later = new Date(world.now.getTime() + 1_000 * HOUR);
      if (isLate(world.exchange, later) && world.exchange.state === 'open')
        move(world, eventOfPassedDeadline(world.exchange.openedBy));
      expect(world.exchange.state).not.toBe('open');
    });
  });
});
