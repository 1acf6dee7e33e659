import { logKeysFile } from '#envelope';
import { type AgencyId, AppError, type ExchangeId, type Result, err, isAgencyId, isExchangeId, ok } from '#kernel';

/**
 * One transfer with everything that proves it, in one file: a ZIP of pieces, so that anybody can look into it (docs/decisions,
 * "An evidence bundle"). Pieces by their names.
 */
export type EvidencePieces = ReadonlyMap<string, Uint8Array>;

export const evidenceLanguages = ['fi', 'sv', 'en'] as const;
export type EvidenceLanguage = (typeof evidenceLanguages)[number];

/** What the bundle says it holds. Nothing is believed because it stands here: each piece proves itself. */
export interface EvidenceIndex {
  readonly v: 1;
  readonly exchangeId: ExchangeId;
  readonly madeBy: AgencyId;
  readonly madeAt: string;
  /** Of the page. */
  readonly language: EvidenceLanguage;
  /** What made the page: the same one makes the same bytes. */
  readonly renderer: string;
  /** Indices in the log of the transfer's entries, in rising order. */
  readonly entries: readonly number[];
  /** Indices of the entries in clear by which the keys stand in the log. */
  readonly keys: readonly number[];
  /** Number of receipts that an agency added. */
  readonly receipts: number;
}

export const pieceNames = {
  index: 'bundle.json',
  readMe: 'README.txt',
  page: 'transfer.pdf',
  checkpoint: 'checkpoint',
  verifierKey: 'log.vkey',
  /** Where the log has them: by these its keys follow from each other. */
  logKeys: logKeysFile,
  entry: (index: number) => `entries/${index}.entry`,
  proof: (index: number) => `entries/${index}.tlog-proof`,
  body: (index: number) => `entries/${index}.body.json`,
  statement: (index: number, kind: string) => `entries/${index}.${kind}.jws`,
  receipt: (number: number) => `receipts/${number}.json`,
  growth: (number: number) => `receipts/${number}.consistency`,
} as const;

/** Errors: MALFORMED. */
export function readEvidenceIndex(pieces: EvidencePieces): Result<EvidenceIndex> {
  const piece = pieces.get(pieceNames.index);
  if (piece === undefined) return malformed('The file is no evidence bundle: bundle.json is missing.');
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(piece).toString('utf8'));
  } catch {
    return malformed('bundle.json is no JSON.');
  }
  return isIndex(value) ? ok(value) : malformed('bundle.json has another shape.');
}

function isIndex(value: unknown): value is EvidenceIndex {
  if (typeof value !== 'object' || value === null) return false;
  const { v, exchangeId, madeBy, madeAt, language, renderer, entries, keys, receipts } = value as Record<
    string,
    unknown
  >;
  return (
    v === 1 &&
    isExchangeId(exchangeId) &&
    isAgencyId(madeBy) &&
    typeof madeAt === 'string' &&
    !Number.isNaN(Date.parse(madeAt)) &&
    (evidenceLanguages as readonly unknown[]).includes(language) &&
    typeof renderer === 'string' &&
    areRising(entries) &&
    areRising(keys) &&
    Number.isSafeInteger(receipts) &&
    (receipts as number) >= 0 &&
    (receipts as number) <= 100
  );
}

const mostEntries = 10_000;
const areRising = (value: unknown): value is number[] =>
  Array.isArray(value) &&
  value.length <= mostEntries &&
  value.every((index: unknown) => Number.isSafeInteger(index) && (index as number) >= 0) &&
  value.every((index: number, at) => at === 0 || index > (value[at - 1] as number));

const malformed = (detail: string) => err(new AppError('MALFORMED', detail));
