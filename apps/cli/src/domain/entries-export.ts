import { type Chain, type PlaceOpening, parsePlaceOpening } from '#envelope';
import { type AgencyId, AppError, type Result, err, isAgencyId, isPseudonym, ok } from '#kernel';
import { type BodyLine, parseBodyLine } from './body-line.js';

/** Files of an export of one chain's entries for a period (docs/decisions, "An answer is complete by numbered places"). */
export const exportFiles = {
  /** What was asked and found, with what bounds the answer. */
  index: 'export.json',
  /** Where a killed export goes on; gone when it is whole. */
  state: 'export.part.json',
  /** Of a part: what was erased, a line each; the whole export's index has them. */
  erased: 'export.part.erased.jsonl',
  entries: 'entries.jsonl',
  table: 'entries.csv',
  /** Inclusion proof of each entry. */
  proofs: 'proofs.jsonl',
  /** Entries in clear that say what was erased, where something was. */
  tombstones: 'tombstones.jsonl',
} as const;

/** One opened entry with its place in the chain. */
export interface PlacedLine extends BodyLine {
  readonly place: PlaceOpening;
}

/** An entry that bounds the answer: as the tree hashes it, without its body. */
export interface Boundary {
  readonly index: number;
  /** Base64. */
  readonly entry: string;
  readonly place: PlaceOpening;
}

/** One page of an answer about a chain, as the hub gives it. */
export interface ChainPage {
  readonly lines: readonly PlacedLine[];
  /** For the next page, which sees the log as the first one did; none after the last. */
  readonly cursor?: string;
  readonly before?: Boundary;
  readonly after?: Boundary;
  readonly erased: readonly { readonly index: number; readonly number: number }[];
}

export interface EntriesExport {
  readonly v: 1;
  readonly madeBy: AgencyId;
  readonly chain: Chain;
  /** What was logged from then on, and before then: instants. */
  readonly from: string;
  readonly until: string;
  readonly entries: number;
  readonly before?: Boundary;
  readonly after?: Boundary;
  readonly erased: readonly { readonly index: number; readonly number: number }[];
  /** Is there a table beside the lines? */
  readonly table: boolean;
}

/** Errors: MALFORMED. */
export function parsePlacedLine(text: string): Result<PlacedLine> {
  const line = parseBodyLine(text);
  if (!line.ok) return line;
  const place = parsePlaceOpening((JSON.parse(text) as { place?: unknown }).place);
  return place.ok ? ok({ ...line.value, place: place.value }) : place;
}

/** Errors: MALFORMED. */
export function parseEntriesExport(text: string): Result<EntriesExport> {
  const value = parsed(text) as EntriesExport | undefined;
  if (value?.v !== 1 || !isAgencyId(value.madeBy) || !(isAgencyId(value.chain) || isPseudonym(value.chain)))
    return malformed();
  const bounds = [value.before, value.after].every(
    (bound) =>
      bound === undefined ||
      (Number.isSafeInteger(bound.index) && typeof bound.entry === 'string' && parsePlaceOpening(bound.place).ok),
  );
  const times = [value.from, value.until].every((at) => typeof at === 'string' && !Number.isNaN(Date.parse(at)));
  const erased =
    Array.isArray(value.erased) &&
    value.erased.every(({ index, number }) => Number.isSafeInteger(index) && Number.isSafeInteger(number));
  const rest = Number.isSafeInteger(value.entries) && typeof value.table === 'boolean';
  return bounds && times && erased && rest ? ok(value) : malformed();
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

const malformed = () => err(new AppError('MALFORMED', 'The file is no index of an export.'));
