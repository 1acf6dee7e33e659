import { unzipSync, zipSync } from 'fflate';
import { AppError, type Result, err, ok } from '#kernel';
import { type EvidencePieces, pieceNames } from '../domain/evidence-bundle.js';

/** Larger than any transfer's; a bomb is not unpacked. */
const mostBytes = 64 * 1024 * 1024;
const mostPieces = 10_000;

/** The same pieces give the same bytes: one order, one time, one level of compression. */
export function packEvidence(pieces: EvidencePieces): Buffer {
  const first: readonly string[] = [pieceNames.readMe, pieceNames.page, pieceNames.index];
  const rank = (name: string): number => (first.includes(name) ? first.indexOf(name) : first.length);
  const ordered = [...pieces].sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
  return Buffer.from(zipSync(Object.fromEntries(ordered), { level: 9, mtime: new Date(1980, 0, 1) }));
}

/** Errors: MALFORMED. */
export function unpackEvidence(bytes: Uint8Array): Result<EvidencePieces> {
  let pieces = 0;
  let size = 0;
  try {
    const unzipped = unzipSync(bytes, {
      filter: ({ originalSize }) => {
        pieces += 1;
        size += originalSize;
        if (pieces > mostPieces || size > mostBytes) throw new RangeError('too large');
        return true;
      },
    });
    return ok(new Map(Object.entries(unzipped)));
  } catch {
    return malformed('The file is no ZIP file, or a damaged one.');
  }
}

const malformed = (detail: string) => err(new AppError('MALFORMED', detail));
