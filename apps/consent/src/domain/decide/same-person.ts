import type { Pseudonym } from '#kernel';
import type { JoinedPseudonyms } from './facts.js';

/** Every pseudonym of the person, this one included, in whatever order and over however many steps they were joined. */
export function pseudonymsOf(person: Pseudonym, links: readonly JoinedPseudonyms[]): ReadonlySet<Pseudonym> {
  const known = new Set([person]);
  let before: number;
  do {
    before = known.size;
    for (const { subject, earlier } of links)
      if (known.has(subject) || known.has(earlier)) known.add(subject).add(earlier);
  } while (known.size > before);
  return known;
}

export const isSamePerson = (one: Pseudonym, other: Pseudonym, links: readonly JoinedPseudonyms[]): boolean =>
  pseudonymsOf(one, links).has(other);
