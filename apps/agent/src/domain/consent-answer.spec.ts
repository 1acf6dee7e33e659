import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Grant } from '#envelope';
import { agencyId } from '#kernel';
import { grantsAgreed, questionsOf } from './consent-answer.js';
import { disclosuresOf } from './what-the-law-gives.js';

const agencies = ['K-235', 'H-03', 'T-01', 'L-KELA'].map(agencyId);
const someAgencies = fc.uniqueArray(fc.constantFrom(...agencies), { minLength: 1 });
const wanted: fc.Arbitrary<Grant[]> = fc
  .uniqueArray(fc.integer({ min: 1, max: 16 }), { minLength: 1, maxLength: 5 })
  .chain((categories) =>
    fc.tuple(
      ...categories
        .sort((a, b) => a - b)
        .map((category) =>
          fc.record({ category: fc.constant(category), disclosers: someAgencies, recipients: someAgencies }),
        ),
    ),
  );
const SEED = { seed: 20261125, numRuns: 300 };

describe('what was agreed to', () => {
  it('is exactly what was answered yes, between whom it was asked', () => {
    fc.assert(
      fc.property(wanted, fc.infiniteStream(fc.boolean()), (grants, words) => {
        const answers = questionsOf(grants).map(({ category, recipient }) => ({
          category,
          recipient,
          yes: Boolean(words.next().value),
        }));
        const agreed = grantsAgreed(grants, answers);
        const expected = disclosuresOf(grants).filter(({ category, recipient }) =>
          answers.some((answer) => answer.category === category && answer.recipient === recipient && answer.yes),
        );
        expect(agreed.ok && disclosuresOf(agreed.value)).toEqual(expected);
      }),
      SEED,
    );
  });

  it('is unknown as long as one answer is missing', () => {
    fc.assert(
      fc.property(wanted, fc.nat(), (grants, at) => {
        const questions = questionsOf(grants);
        fc.pre(questions.length > 0);
        const answers = questions.map(({ category, recipient }) => ({ category, recipient, yes: true }));
        answers.splice(at % answers.length, 1);
        const agreed = grantsAgreed(grants, answers);
        expect(agreed.ok ? 'agreed' : agreed.error.code).toBe('CONSENT_ANSWER_MISSING');
      }),
      SEED,
    );
  });
});
