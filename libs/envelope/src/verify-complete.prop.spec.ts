import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type AgencyId, type Pseudonym, agencyId, canonicalJson, newEventId } from '#kernel';
import { leafHash } from '#merkle';
import {
  type AnswerToVerify,
  type AnsweredEntry,
  type Chain,
  type ChainHead,
  type CompletenessFault,
  type LogBody,
  commitmentKeyOf,
  encodeOpaqueEntry,
  inChainOrder,
  newEntrySecret,
  openPlace,
  placeAfter,
  placeOf,
  placeSaltsOf,
  placesHash,
  verifyComplete,
} from './index.js';

const own: AgencyId = agencyId('K-235');
const all: readonly Chain[] = [
  own,
  agencyId('H-01'),
  `p1.${'A'.repeat(43)}` as Pseudonym,
  `p2.${'B'.repeat(43)}` as Pseudonym,
];
const begin = Date.parse('2026-01-01T00:00:00.000Z');
const instant = (at: number): string => new Date(begin + at * 1_000).toISOString();

interface Logged extends AnsweredEntry {
  readonly secret: Buffer;
}

/** A log in which each entry was logged a second after the one before, in the chains that are asked for. */
class SmallLog {
  readonly entries: Logged[] = [];
  private readonly leaves: Buffer[] = [];
  readonly tombstones = new Set<number>();
  private readonly heads = new Map<Chain, ChainHead>();

  /** @param spoil what a lying hub makes of its own head of the asked chain before it gives the number */
  add(chains: readonly Chain[], spoil: (head: ChainHead | undefined) => ChainHead | undefined = (head) => head): void {
    const leafIndex = this.leaves.length;
    const secret = newEntrySecret();
    const ordered = inChainOrder(chains);
    const places = ordered.map((chain) =>
      placeAfter(chain, chain === own ? spoil(this.heads.get(chain)) : this.heads.get(chain), instant(leafIndex)),
    );
    for (const { chain, number, link } of places) this.heads.set(chain, { number, link, leafIndex });
    const body: LogBody = {
      v: 1,
      eventId: newEventId(),
      type: 'message-accepted',
      at: instant(leafIndex),
      assertedBy: 'hub',
    };
    const commitmentKey = commitmentKeyOf(secret);
    const salts = placeSaltsOf(secret, ordered.length);
    this.leaves.push(leafHash(encodeOpaqueEntry(body.eventId, body, commitmentKey, placesHash(places, salts))));
    if (ordered.includes(own))
      this.entries.push({
        leafIndex,
        secret,
        place: openPlace(own, places, salts),
        content: { body: canonicalJson(body), commitmentKey },
      });
  }

  /** All that there is, over all time. */
  answer(entries: readonly AnsweredEntry[] = this.entries): AnswerToVerify {
    return {
      chain: own,
      entries,
      erased: [],
      until: this.entries.at(-1)?.place.loggedAt ?? instant(0),
      isIncluded: (leafIndex, hash) => this.leaves[leafIndex]?.equals(hash) ?? false,
      isTombstoned: (leafIndex) => this.tombstones.has(leafIndex),
    };
  }
}

/** Without its body, as the tree hashes it. */
function closed(entry: Logged): AnsweredEntry {
  const { body, commitmentKey } = entry.content as { body: string; commitmentKey: Buffer };
  const parsed = JSON.parse(body) as LogBody;
  const { placesHash: places } = placeOf(entry.place);
  return { ...entry, content: { entry: encodeOpaqueEntry(parsed.eventId, parsed, commitmentKey, places) } };
}

const chainsOfEntries = fc.array(fc.subarray([...all]), { minLength: 1, maxLength: 40 });
const logs = chainsOfEntries.map((chains) => {
  const log = new SmallLog();
  // Enough of the asked chain for something to lie between.
  for (const one of [[own], [own, all[2]!], ...chains, [own], [own, all[1]!]]) log.add(one);
  return log;
});
const inside = fc.tuple(logs, fc.nat()).map(([log, at]) => ({ log, at: 1 + (at % (log.entries.length - 2)) }));
const kindsOf = ({ faults }: { readonly faults: readonly CompletenessFault[] }): string[] =>
  faults.map(({ kind }) => kind);
const without = (log: SmallLog, ...left: number[]): AnsweredEntry[] =>
  log.entries.filter((_, at) => !left.includes(at));

describe('an answer that leaves nothing out', () => {
  it('is found complete, whatever else is logged between', () =>
    fc.assert(
      fc.property(logs, fc.nat(), (log, shuffle) => {
        const turned = [
          ...log.entries.slice(shuffle % log.entries.length),
          ...log.entries.slice(0, shuffle % log.entries.length),
        ];
        expect(verifyComplete(log.answer(turned))).toMatchObject({ complete: true, faults: [], unproved: [] });
      }),
    ));

  it('is found complete for a part of the time, bound by the entries before and after it', () =>
    fc.assert(
      fc.property(logs, fc.nat(), fc.nat(), (log, one, other) => {
        const [a, b] = [one % log.entries.length, other % log.entries.length].sort((x, y) => x - y) as [number, number];
        const shown = log.entries
          .slice(a, b + 1)
          .map((entry, at) => (at === 0 || at === b - a ? closed(entry) : entry));
        const from = new Date(Date.parse(log.entries[a]!.place.loggedAt) + 1).toISOString();
        const until = log.entries[b]!.place.loggedAt;
        expect(verifyComplete({ ...log.answer(shown), from, until })).toMatchObject({ complete: true });
      }),
    ));
});

describe('a hub that lies', () => {
  it('and leaves one out is told its number', () =>
    fc.assert(
      fc.property(inside, ({ log, at }) => {
        const { complete, faults } = verifyComplete(log.answer(without(log, at)));
        expect(complete).toBe(false);
        expect(faults).toEqual([{ kind: 'entry-missing', number: at + 1 }]);
      }),
    ));

  it('and leaves out the first does not reach the beginning', () =>
    fc.assert(
      fc.property(logs, (log) => {
        expect(kindsOf(verifyComplete(log.answer(without(log, 0))))).toEqual(['start-open']);
      }),
    ));

  it('and leaves out the last does not reach the end', () =>
    fc.assert(
      fc.property(logs, (log) => {
        expect(kindsOf(verifyComplete(log.answer(without(log, log.entries.length - 1))))).toEqual(['end-open']);
      }),
    ));

  it('and shows one twice is told its number', () =>
    fc.assert(
      fc.property(inside, ({ log, at }) => {
        const { faults } = verifyComplete(log.answer([...log.entries, log.entries[at]!]));
        expect(faults).toEqual([{ kind: 'number-twice', number: at + 1, leafIndex: log.entries[at]!.leafIndex }]);
      }),
    ));

  it('and closes the gap with other numbers is contradicted by the leaves', () =>
    fc.assert(
      fc.property(inside, ({ log, at }) => {
        const renumbered = without(log, at).map((entry, index) => ({
          ...entry,
          place: { ...entry.place, number: index + 1 },
        }));
        const { faults } = verifyComplete(log.answer(renumbered));
        expect(faults[0]).toEqual({
          kind: 'not-in-the-log',
          number: at + 1,
          leafIndex: log.entries[at + 1]!.leafIndex,
        });
      }),
    ));

  it('and shows an entry of another log is told that it does not stand in this one', () =>
    fc.assert(
      fc.property(inside, logs, ({ log, at }, other) => {
        const swapped = log.entries.map((entry, index) =>
          index === at ? { ...other.entries[1]!, leafIndex: entry.leafIndex } : entry,
        );
        expect(kindsOf(verifyComplete(log.answer(swapped)))).toContain('not-in-the-log');
      }),
    ));

  it('and says that one was erased which has no tombstone is told so', () =>
    fc.assert(
      fc.property(inside, ({ log, at }) => {
        const { leafIndex } = log.entries[at]!;
        const answer = { ...log.answer(without(log, at)), erased: [{ number: at + 1, leafIndex }] };
        expect(verifyComplete(answer).faults).toEqual([
          { kind: 'erased-without-tombstone', number: at + 1, leafIndex },
        ]);
      }),
    ));

  it('and passes one off as another’s erased entry is contradicted by the next one', () =>
    fc.assert(
      fc.property(inside, ({ log, at }) => {
        const foreign = log.entries[at - 1]!.leafIndex;
        log.tombstones.add(foreign);
        const answer = { ...log.answer(without(log, at)), erased: [{ number: at + 1, leafIndex: foreign }] };
        expect(kindsOf(verifyComplete(answer))).toContain('chain-broken');
      }),
    ));

  it.each<[string, (head: ChainHead | undefined) => ChainHead | undefined]>([
    ['starts again from 1', () => undefined],
    ['gives a number twice', (head) => head && { ...head, number: head.number - 1 }],
    ['passes over a number', (head) => head && { ...head, number: head.number + 1 }],
    ['goes on from an earlier entry', (head) => head && { ...head, leafIndex: head.leafIndex - 1 }],
    ['forgets what came before', (head) => head && { ...head, link: Buffer.alloc(32, 1) }],
  ])('and %s in the log itself is found by whoever is shown all', (_how, spoil) =>
    fc.assert(
      fc.property(chainsOfEntries, (chains) => {
        const log = new SmallLog();
        for (const one of [[own], [own], ...chains]) log.add(one);
        log.add([own], spoil);
        log.add([own]);
        expect(verifyComplete(log.answer()).complete).toBe(false);
      }),
    ),
  );

  it('and keeps two branches of the chain is found by who knows an entry of the other one', () => {
    const log = new SmallLog();
    log.add([own]);
    log.add([own]);
    let fork: ChainHead | undefined;
    log.add([own], (head) => (fork = head));
    log.add([own], () => fork);
    log.add([own]);
    const shown = log.answer(without(log, 2));
    expect(verifyComplete(shown).complete).toBe(true);
    expect(verifyComplete({ ...shown, known: [2] }).faults).toEqual([{ kind: 'known-missing', leafIndex: 2 }]);
  });

  it('and keeps back a body of the period is told so', () =>
    fc.assert(
      fc.property(inside, ({ log, at }) => {
        const shown = log.entries.map((entry, index) => (index === at ? closed(entry) : entry));
        expect(kindsOf(verifyComplete(log.answer(shown)))).toEqual(['body-withheld']);
      }),
    ));
});

describe('after an erasure', () => {
  const erase = (log: SmallLog, ...numbers: number[]) => {
    for (const at of numbers) log.tombstones.add(log.entries[at]!.leafIndex);
    return numbers.map((at) => ({ number: at + 1, leafIndex: log.entries[at]!.leafIndex }));
  };
  const seven = (): SmallLog => {
    const log = new SmallLog();
    for (let at = 0; at < 7; at += 1) log.add([own, all[2]!]);
    return log;
  };

  it('what is left is complete, with every erased one at its place', () =>
    fc.assert(
      fc.property(logs, fc.infiniteStream(fc.boolean()), (log, coins) => {
        const numbers = log.entries.flatMap((_, at) =>
          at < log.entries.length - 1 && coins.next().value === true ? [at] : [],
        );
        const erased = erase(log, ...numbers);
        const verified = verifyComplete({ ...log.answer(without(log, ...numbers)), erased });
        expect(verified).toMatchObject({ complete: true, erased: numbers.map((at) => at + 1) });
      }),
    ));

  it('a single one is proved by its successor and its tombstone alone', () => {
    const log = seven();
    erase(log, 3);
    expect(verifyComplete(log.answer(without(log, 3)))).toMatchObject({ complete: true, erased: [4] });
  });

  it('of several in a row that are no longer named, all but the last stay unproved', () => {
    const log = seven();
    erase(log, 2, 3, 4);
    expect(verifyComplete(log.answer(without(log, 2, 3, 4)))).toMatchObject({
      complete: false,
      faults: [],
      erased: [5],
      unproved: [3, 4],
    });
  });

  it('one that is left out among erased ones is no erased one', () => {
    const log = seven();
    const erased = erase(log, 2, 4);
    const foreign = { number: 4, leafIndex: log.entries[2]!.leafIndex };
    const verified = verifyComplete({ ...log.answer(without(log, 2, 3, 4)), erased: [...erased, foreign] });
    expect(kindsOf(verified)).toContain('chain-broken');
  });
});
