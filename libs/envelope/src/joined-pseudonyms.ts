import type { Pseudonym } from '#kernel';
import type { SubjectLink } from './consent-record.js';

/** Two pseudonyms that an agency said name one person. */
export type JoinedPseudonyms = Pick<SubjectLink, 'subject' | 'earlier'>;

/** Every pseudonym of the person, this one included, in whatever order and over however many steps they were joined. */
export function joinedWith(person: Pseudonym, links: readonly JoinedPseudonyms[]): ReadonlySet<Pseudonym> {
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
  one === other || joinedWith(one, links).has(other);

/** Those links without which the person is not joined with one of these others: what nobody needs is not told. */
export function linksBetween<Link extends JoinedPseudonyms>(
  person: Pseudonym,
  others: ReadonlySet<Pseudonym>,
  links: readonly Link[],
): Link[] {
  let needed = [...links];
  for (;;) {
    const ends = new Map<Pseudonym, number>();
    for (const end of needed.flatMap(({ subject, earlier }) => [subject, earlier]))
      ends.set(end, (ends.get(end) ?? 0) + 1);
    const leadsOn = (end: Pseudonym): boolean => end === person || others.has(end) || (ends.get(end) ?? 0) > 1;
    const kept = needed.filter(({ subject, earlier }) => leadsOn(subject) && leadsOn(earlier));
    if (kept.length === needed.length) return kept;
    needed = kept;
  }
}
