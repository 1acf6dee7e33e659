import { createHash } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { MemoryTree } from './index.js';
import { distinctLeaves } from './reference-tree.fixture.js';

describe('all trees to 1,000 leaves', () => {
  // The same fold over the same entries by Go's golang.org/x/mod/sumdb/tlog v0.42.0 gave this value.
  test('roots, inclusion and consistency proofs fold into the golden hash', () => {
    const whole = MemoryTree.of(distinctLeaves(1000));
    const golden = createHash('sha256');
    for (let size = 1; size <= 1000; size += 1) {
      const folded = [whole.root(size)];
      for (let index = 0; index < size; index += 1) folded.push(...whole.inclusionProof(index, size));
      for (let first = 1; first <= size; first += 1) folded.push(...whole.consistencyProof(first, size));
      golden.update(Buffer.concat(folded));
    }
    expect(golden.digest('hex')).toBe('47d7d5db4f3e783a37a7a980fdc424cabfb5f747e8710eb9146b77cae5c45e0f');
  });
});
