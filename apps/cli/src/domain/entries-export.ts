import { type Chain, type PlaceOpening, parsePlaceOpening } from '#envelope';
import { type AgencyId, AppError, type Result, err, isAgencyId, isPseudonym, ok } from '#kernel';
import { type MultiProof, hashLength } from '#merkle';
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
  /** What leads from the entries to the root: a line for so many of them together. */
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

/**
 * Leaves that one line proves together: neighbours share most of their paths, and a line that is damaged hides so many and no more.
 */
export const provedByLine = 512;

/** A line of `proofs.jsonl`. */
export interface ProofLine extends MultiProof {
  /** Rising. */
  readonly indices: readonly number[];
}

/** The first index and the steps from each to the next one, and hashes of 32 bytes after one another in base64. */
export const formatProofLine = ({ indices, leaves, others }: ProofLine): string =>
  JSON.stringify({
    first: indices[0],
    steps: indices.slice(1).map((index, at) => index - indices[at]!),
    leaves: Buffer.concat(leaves).toString('base64'),
    others: Buffer.concat(others).toString('base64'),
  });

/** Nothing is verified. Errors: MALFORMED. */
export function parseProofLine(text: string): Result<ProofLine> {
  const { first, steps, leaves, others } = (parsed(text) ?? {}) as Record<string, unknown>;
  if (typeof first !== 'number' || !Array.isArray(steps) || typeof leaves !== 'string' || typeof others !== 'string')
    return malformed();
  const indices = [first];
  for (const step of steps) indices.push(indices.at(-1)! + Number(step));
  return ok({ indices, leaves: hashesIn(leaves), others: hashesIn(others) });
}

function hashesIn(text: string): Buffer[] {
  const bytes = Buffer.from(text, 'base64');
  const count = Math.ceil(bytes.length / hashLength);
  return Array.from({ length: count }, (_, at) => bytes.subarray(at * hashLength, (at + 1) * hashLength));
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
