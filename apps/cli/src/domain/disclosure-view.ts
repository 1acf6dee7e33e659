import { type AgencyId, AppError, type Result, err, isAgencyId, isSha256, ok } from '#kernel';

/** One side's view of what went between it and another agency: hashes of opened messages and nothing else. */
export interface DisclosureView {
  readonly v: 1;
  readonly agency: AgencyId;
  readonly counterpart: AgencyId;
  readonly sent: readonly string[];
  readonly received: readonly string[];
}

/** What only one side knows of, by the side that knows it. */
export interface Unmatched {
  readonly knownTo: AgencyId;
  readonly unknownTo: AgencyId;
  readonly direction: 'sent' | 'received';
  readonly hash: string;
}

/** Errors: CONFLICT where the views are not of two agencies about each other. */
export function reconcile(a: DisclosureView, b: DisclosureView): Result<readonly Unmatched[]> {
  if (a.agency !== b.counterpart || b.agency !== a.counterpart || a.agency === b.agency)
    return err(new AppError('CONFLICT', 'These are not the views of two agencies about each other.'));
  return ok([
    ...missing(a, 'sent', b, b.received),
    ...missing(b, 'received', a, a.sent),
    ...missing(b, 'sent', a, a.received),
    ...missing(a, 'received', b, b.sent),
  ]);
}

function missing(
  from: DisclosureView,
  direction: 'sent' | 'received',
  other: DisclosureView,
  known: readonly string[],
): Unmatched[] {
  const there = new Set(known);
  return [...new Set(from[direction])]
    .filter((hash) => !there.has(hash))
    .map((hash) => ({ knownTo: from.agency, unknownTo: other.agency, direction, hash }));
}

/** Errors: MALFORMED. */
export function parseDisclosureView(text: string): Result<DisclosureView> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformed();
  }
  if (typeof value !== 'object' || value === null) return malformed();
  const { v, agency, counterpart, sent, received } = value as Record<string, unknown>;
  return v === 1 && isAgencyId(agency) && isAgencyId(counterpart) && areHashes(sent) && areHashes(received)
    ? ok({ v, agency, counterpart, sent, received })
    : malformed();
}

const areHashes = (value: unknown): value is string[] => Array.isArray(value) && value.every(isSha256);
const malformed = () => err(new AppError('MALFORMED', 'The file is no view of disclosures.'));
