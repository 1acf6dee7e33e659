import {
  type Catalogue,
  questionBetween,
  type Statute,
  type StatuteEffect,
  type StatuteQuestion,
  statutesCovering,
} from '#catalogue';
import {
  type Basis,
  type ConsentRecord,
  type ConsentVersion,
  grantsCover,
  isSamePerson,
  type JoinedPseudonyms,
} from '#envelope';
import { type AgencyId, AppError, type ConsentId, err, ok, type Pseudonym, type Result } from '#kernel';

/** A consent that may lift secrecy, as far as the chooser knows it. */
export interface AvailableConsent {
  readonly id: ConsentId;
  readonly version: number;
  readonly record: ConsentRecord;
}

export interface BasisQuestion {
  readonly catalogue: Catalogue;
  readonly asker: AgencyId;
  readonly holder: AgencyId;
  readonly categories: readonly number[];
  readonly purpose: string;
  readonly day: string;
  readonly at: Date;
  readonly subjects: readonly Pseudonym[];
  /** Consents found at the hub and in the agency's own records. */
  readonly consents: readonly AvailableConsent[];
  /** By which they are about the subjects under another number. */
  readonly links?: readonly JoinedPseudonyms[];
  /** Named by the case worker: taken where no statute lifts secrecy, and left to the hub to judge. */
  readonly named?: { readonly id: ConsentId; readonly version: number };
}

/**
 * The basis of a request, category by category (design: Basis): a statute where one gives the right, for a consent is never
 * asked for what the law already gives; else a consent that covers it. Each category stands in exactly one item.
 *
 * Errors: NO_BASIS with the first category for which there is neither.
 */
export function chooseBasis(question: BasisQuestion): Result<Basis[]> {
  const items: Basis[] = [];
  for (const category of [...question.categories].sort((a, b) => a - b)) {
    const lift = statuteLift(question, category) ?? consentLift(question, category);
    const processing = lift && processingFor(question, category, lift);
    if (!lift || !processing) return err(new AppError('NO_BASIS', undefined, { category }));
    const same = items.find((item) => sameLift(item.secrecyLift, lift) && item.processing.sender === processing);
    if (same) same.categories.push(category);
    else
      items.push({
        categories: [category],
        processing: { sender: processing, recipient: processing },
        secrecyLift: lift,
      });
  }
  return ok(items);
}

/** Does this consent, as signed, cover the disclosure? Whether it is still in force is the hub's to say. */
export function consentCovers(
  record: ConsentRecord,
  question: Pick<BasisQuestion, 'asker' | 'holder' | 'purpose' | 'at' | 'subjects' | 'links'>,
  category: number,
): boolean {
  return (
    grantsCover(record.grants, { category, discloser: question.holder, recipient: question.asker }) &&
    record.purposes.includes(question.purpose) &&
    question.subjects.length > 0 &&
    question.subjects.every((subject) => isSamePerson(subject, record.subject, question.links ?? [])) &&
    new Date(record.validFrom) <= question.at &&
    question.at < new Date(record.validUntil)
  );
}

type Lift = Basis['secrecyLift'];

/** Questions about one catalogue: parties, categories and purposes of some days. */
const MOST_REMEMBERED = 10_000;

const questionFor = (
  question: BasisQuestion,
  category: number,
  effect: StatuteQuestion['effect'],
): StatuteQuestion => ({
  effect,
  ...questionBetween(question.catalogue.territories, question.asker, question.holder, question.day),
  categories: [category],
  purpose: question.purpose,
  day: question.day,
});

function statuteLift(question: BasisQuestion, category: number): Lift | undefined {
  const [statute] = provisionsFor(question, category, 'secrecyLift');
  return statute && { statute: { id: statute.id, version: statute.version } };
}

/** What covers a category depends on the catalogue and the day alone, and is asked for again with every request. */
const provisions = new WeakMap<Catalogue, Map<string, readonly Statute[]>>();

function provisionsFor(question: BasisQuestion, category: number, effect: StatuteEffect): readonly Statute[] {
  const asked = questionFor(question, category, effect);
  const known = provisions.get(question.catalogue) ?? new Map<string, readonly Statute[]>();
  provisions.set(question.catalogue, known);
  const name = [effect, asked.asker, asked.holder, ...asked.territories, category, asked.purpose, asked.day].join(' ');
  const found = known.get(name) ?? statutesCovering(question.catalogue.statutes, asked);
  if (known.size >= MOST_REMEMBERED) known.clear();
  known.set(name, found);
  return found;
}

function consentLift(question: BasisQuestion, category: number): Lift | undefined {
  if (question.named) return { consent: question.named };
  const chosen = question.subjects.map((subject) => newestCovering(question, category, subject));
  const named = chosen.filter((consent) => consent !== undefined);
  const [first] = named;
  if (!first || named.length < chosen.length) return undefined;
  return named.length === 1 ? { consent: first } : { consents: named };
}

/** Of a family each has a consent of their own. */
function newestCovering(question: BasisQuestion, category: number, subject: Pseudonym): ConsentVersion | undefined {
  const newest = question.consents
    .filter(({ record }) => consentCovers(record, { ...question, subjects: [subject] }, category))
    .sort((a, b) => b.version - a.version)[0];
  return newest && { id: newest.id, version: newest.version };
}

/** The provision that lifts secrecy where it also is a ground of processing, else the first that is one. */
function processingFor(question: BasisQuestion, category: number, lift: Lift): string | undefined {
  const grounds = provisionsFor(question, category, 'processing');
  const lifting = 'statute' in lift ? grounds.find(({ id }) => id === lift.statute.id) : undefined;
  return (lifting ?? grounds[0])?.id;
}

const sameLift = (a: Lift, b: Lift): boolean => JSON.stringify(a) === JSON.stringify(b);
