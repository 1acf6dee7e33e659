import { describe, expect, it } from '@jest/globals';
import { outcomeOf } from './show-reconciliation.js';

const producer = (members: object = {}): object => ({
  producer: 'exchange.events.v1',
  upTo: 7,
  compared: 5,
  overdue: 0,
  setAside: 0,
  reportedAt: '2026-11-26T10:00:00.000Z',
  silent: false,
  ...members,
});
const answer = (members: object): Record<string, unknown> => ({
  size: 9,
  producers: [producer()],
  openCount: 0,
  differences: [],
  ...members,
});

describe('the state of the reconciliation', () => {
  it('holds where nothing is open and every service has reported', () => {
    expect(outcomeOf(answer({}))).toMatchObject({ ok: true, data: { openCount: 0, producers: [{ upTo: 7 }] } });
  });

  it('does not hold where a service is silent: nothing is known of it', () => {
    expect(outcomeOf(answer({ producers: [producer({ silent: true, reportedAt: undefined })] })).ok).toBe(false);
  });

  it('does not hold where a difference is open, also for whom is not told which', () => {
    expect(outcomeOf(answer({ openCount: 1 })).ok).toBe(false);
  });

  it('names what is different', () => {
    const found = {
      producer: 'directory.events.v1',
      kind: 'leaf-without-event',
      eventId: 'e1',
      leafIndex: 4,
      type: 'key-published',
      foundAt: '2026-11-26T10:00:00.000Z',
      alert: 'a1',
    };
    expect(outcomeOf(answer({ differences: [found], openCount: 1 })).lines).toContain(
      'DIFFERENCE leaf-without-event directory.events.v1 key-published, event e1, leaf 4; alert a1',
    );
  });
});
