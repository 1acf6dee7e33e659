import { describe, expect, it } from '@jest/globals';
import { Gathering, type Settled } from './gathering.js';

const taken: Settled = { taken: true };

/** Groups as they come, each ended by hand. */
function byHand(most = 10) {
  const groups: string[][] = [];
  const ends: ((settled: Settled[]) => void)[] = [];
  const gathering = new Gathering<string>(
    (group) => {
      groups.push([...group]);
      return new Promise((resolve) => ends.push(resolve));
    },
    { most, sizeOf: (item) => item.length },
  );
  return { gathering, groups, end: (...settled: Settled[]) => ends.shift()?.(settled) };
}

describe('gathering', () => {
  it('takes a lone item at once, and together what came meanwhile', async () => {
    const { gathering, groups, end } = byHand();
    const all = Promise.all(['a', 'b', 'c'].map((item) => gathering.submit(item)));
    expect(groups).toEqual([['a']]);
    end(taken);
    await new Promise(setImmediate);
    expect(groups).toEqual([['a'], ['b', 'c']]);
    end(taken, taken);
    await all;
  });

  it('ends a group before it grows too large, but never before its first item', async () => {
    const { gathering, groups, end } = byHand(3);
    const all = ['a', 'bb', 'c', 'dddd', 'e'].map((item) => gathering.submit(item));
    for (const settled of [[taken], [taken, taken], [taken], [taken]]) {
      end(...settled);
      await new Promise(setImmediate);
    }
    await Promise.all(all);
    expect(groups).toEqual([['a'], ['bb', 'c'], ['dddd'], ['e']]);
  });

  it('lets the failure of one be no other’s', async () => {
    const { gathering, end } = byHand();
    const first = gathering.submit('a');
    const others = Promise.allSettled([gathering.submit('b'), gathering.submit('c')]);
    end(taken);
    await first;
    await new Promise(setImmediate);
    const error = new Error('of b');
    end({ taken: false, error }, taken);
    expect(await others).toEqual([
      { status: 'rejected', reason: error },
      { status: 'fulfilled', value: undefined },
    ]);
  });
});
