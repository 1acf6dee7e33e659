import { describe, expect, it } from '@jest/globals';
import { agencyId, canonicalJson, newEventId } from '#kernel';
import {
  type AnsweredEntry,
  type ChainHead,
  type ErasedNumber,
  commitmentKeyOf,
  newEntrySecret,
  openPlace,
  placeAfter,
  placeSaltsOf,
  verifyComplete,
} from './index.js';

const chain = agencyId('K-235');
const loggedAt = '2026-01-01T00:00:00.000Z';
const until = '2026-01-01T00:00:00.000Z';
/** More than a call takes arguments. */
const many = 200_000;

const entryAfter = (head: ChainHead | undefined, leafIndex: number): { entry: AnsweredEntry; head: ChainHead } => {
  const secret = newEntrySecret();
  const place = placeAfter(chain, head, loggedAt);
  const body = { v: 1, eventId: newEventId(), type: 'message-accepted', at: loggedAt, assertedBy: 'hub' };
  const content = { body: canonicalJson(body), commitmentKey: commitmentKeyOf(secret) };
  return {
    entry: { leafIndex, place: openPlace(chain, [place], placeSaltsOf(secret, 1)), content },
    head: { number: place.number, link: place.link, leafIndex },
  };
};

describe('very many erased entries in a row', () => {
  const first = entryAfter(undefined, 0);
  const erased: ErasedNumber[] = [];
  let { head } = first;
  for (let leafIndex = 1; leafIndex <= many; leafIndex += 1) {
    const { number, link } = placeAfter(chain, head, loggedAt);
    erased.push({ leafIndex, number });
    head = { number, link, leafIndex };
  }
  const last = entryAfter(head, many + 1).entry;
  const judged = (entries: readonly AnsweredEntry[]) =>
    verifyComplete({ chain, entries, erased, until, isIncluded: () => true, isTombstoned: () => true });

  it('are all proved by the links around them', () => {
    const { complete, erased: proved, unproved } = judged([first.entry, last]);
    expect({ complete, proved: proved.length, unproved }).toEqual({ complete: true, proved: many, unproved: [] });
  });

  it('are all but the last unproved where no link is known before them', () => {
    const { erased: proved, unproved } = judged([last]);
    expect({ proved, unproved: unproved.length }).toEqual({ proved: [many + 1], unproved: many - 1 });
  });
});
