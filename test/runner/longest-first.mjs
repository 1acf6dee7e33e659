import Sequencer from '@jest/test-sequencer';

const isEndToEnd = ({ path }) => path.endsWith('.e2e.spec.ts');

/**
 * Files that start a whole hub run before the others, whatever their size, so that none of them is what the end waits for.
 * Without times of an earlier run, as in a fresh clone, Jest goes by size alone.
 */
export default class LongestFirst extends Sequencer {
  sort(tests) {
    return [...super.sort(tests)].sort((a, b) => Number(isEndToEnd(b)) - Number(isEndToEnd(a)));
  }
}
