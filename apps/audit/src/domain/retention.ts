import { type PartyKind, isAgencyId, partyKindOf } from '#kernel';

export interface Period {
  readonly unit: 'days' | 'months' | 'years';
  readonly count: number;
}

/** Of law or practice: names, where it comes from, and whether somebody has compared it with the text. */
interface Dated {
  readonly id: string;
  readonly names: { readonly fi: string; readonly sv: string; readonly en: string };
  /** Provision. */
  readonly ground: string;
  /** Calendar days, both included; null: until further notice. */
  readonly validFrom: string;
  readonly validTo: string | null;
  readonly confirmed: boolean;
  readonly source: string;
  readonly note?: string;
  /** What whoever confirms it has to find out; every unconfirmed class says it. */
  readonly open?: string;
}

export interface RetentionClass extends Dated {
  /** Entry types; a star at the end stands for any ending. */
  readonly types: readonly string[];
  /** The class takes only entries with a party of one of these kinds; empty: all. */
  readonly partyKinds: readonly PartyKind[];
  /** Before it nothing is erased, whoever asks. Null: never. */
  readonly floor: Period | null;
  /** After it the entry is due for erasure. Null: never. */
  readonly ceiling: Period | null;
}

export type LegalGround = Dated;

export interface RetentionData {
  readonly version: number;
  /** Days after which Kafka and the outboxes have forgotten what passed through them. */
  readonly transportDays: number;
  /** Days within which a proposal is approved, or lapses. */
  readonly proposalDays: number;
  /** A tombstone covers so many persons at least, unless its oldest approval has waited so many days. */
  readonly batch: { readonly leastPersons: number; readonly waitDays: number };
  /** The first that takes an entry is its class. */
  readonly classes: readonly RetentionClass[];
  readonly grounds: readonly LegalGround[];
}

/** What the index says of an entry, as far as retention looks at it. */
export interface IndexedEntry {
  readonly type: string;
  readonly at: Date;
  readonly parties: readonly string[];
}

const dayOf = (at: Date): string => at.toISOString().slice(0, 10);
const inForce = ({ validFrom, validTo }: Dated, day: string): boolean =>
  validFrom <= day && (validTo === null || day <= validTo);

export const takesType = ({ types }: Pick<RetentionClass, 'types'>, type: string): boolean =>
  types.some((wanted) => (wanted.endsWith('*') ? type.startsWith(wanted.slice(0, -1)) : type === wanted));

/** The class of an entry by the rules of today. An entry of no class is never erased. */
export function classOf(
  data: RetentionData,
  { type, parties }: Pick<IndexedEntry, 'type' | 'parties'>,
  now: Date,
): RetentionClass | undefined {
  const kinds = new Set(parties.filter(isAgencyId).map(partyKindOf));
  return data.classes.find(
    (one) =>
      inForce(one, dayOf(now)) &&
      takesType(one, type) &&
      (one.partyKinds.length === 0 || one.partyKinds.some((kind) => kinds.has(kind))),
  );
}

/** Classes of these entries that nobody has compared with the law, in the order of the data. */
export function unconfirmedAmong(data: RetentionData, entries: readonly IndexedEntry[], now: Date): string[] {
  const found = new Set(entries.map((entry) => classOf(data, entry, now)));
  return data.classes.filter((one) => !one.confirmed && found.has(one)).map(({ id }) => id);
}

export const groundOf = (data: RetentionData, id: string, now: Date): LegalGround | undefined =>
  data.grounds.find((one) => one.id === id && inForce(one, dayOf(now)));

/** Calendar arithmetic in UTC; a day that the month lacks becomes the first of the next one, never an earlier day. */
export function after(at: Date, { unit, count }: Period): Date {
  const end = new Date(at);
  if (unit === 'days') end.setUTCDate(end.getUTCDate() + count);
  else if (unit === 'months') end.setUTCMonth(end.getUTCMonth() + count);
  else end.setUTCFullYear(end.getUTCFullYear() + count);
  return end;
}

export type Erasability = 'due' | 'erasable' | 'kept' | 'for-good';

/** `kept`: its floor is not reached; `due`: its ceiling is. */
export function erasabilityOf(data: RetentionData, entry: IndexedEntry, now: Date): Erasability {
  const found = classOf(data, entry, now);
  if (!found?.floor) return 'for-good';
  if (now < after(entry.at, found.floor)) return 'kept';
  return found.ceiling && now >= after(entry.at, found.ceiling) ? 'due' : 'erasable';
}
