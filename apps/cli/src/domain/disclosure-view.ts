import { type DisclosureView, type UnopenedEnd, unopenedEnds } from '#envelope';
import { type AgencyId, AppError, type Result, type Sha256, err, isAgencyId, isSha256, ok } from '#kernel';

/** What only one side knows of, by the side that knows it. */
export interface Unmatched {
  readonly knownTo: AgencyId;
  readonly unknownTo: AgencyId;
  readonly direction: 'sent' | 'received';
  readonly hash: Sha256;
}

/** What its recipient never had, because it ended before, as its sender says. */
export interface EndedBefore {
  readonly sender: AgencyId;
  readonly recipient: AgencyId;
  readonly as: UnopenedEnd;
  readonly hash: Sha256;
}

export interface Reconciled {
  readonly unmatched: readonly Unmatched[];
  readonly endedBefore: readonly EndedBefore[];
}

/** Errors: CONFLICT where the views are not of two agencies about each other. */
export function reconcile(a: DisclosureView, b: DisclosureView): Result<Reconciled> {
  if (a.agency !== b.counterpart || b.agency !== a.counterpart || a.agency === b.agency)
    return err(new AppError('CONFLICT', 'These are not the views of two agencies about each other.'));
  const missing = [
    ...missingOf(a, 'sent', b, b.received),
    ...missingOf(b, 'received', a, a.sent),
    ...missingOf(b, 'sent', a, a.received),
    ...missingOf(a, 'received', b, b.sent),
  ];
  const ends = new Map([a, b].flatMap(({ agency, ended }) => ended.map(({ hash, as }) => [`${agency} ${hash}`, as])));
  const endOf = ({ knownTo, direction, hash }: Unmatched): UnopenedEnd | undefined =>
    direction === 'sent' ? ends.get(`${knownTo} ${hash}`) : undefined;
  return ok({
    unmatched: missing.filter((one) => endOf(one) === undefined),
    endedBefore: missing.flatMap((one) => {
      const as = endOf(one);
      return as === undefined ? [] : [{ sender: one.knownTo, recipient: one.unknownTo, as, hash: one.hash }];
    }),
  });
}

function missingOf(
  from: DisclosureView,
  direction: 'sent' | 'received',
  other: DisclosureView,
  known: readonly Sha256[],
): Unmatched[] {
  const there = new Set(known);
  return [...new Set(from[direction])]
    .filter((hash) => !there.has(hash))
    .map((hash) => ({ knownTo: from.agency, unknownTo: other.agency, direction, hash }));
}

/** A view as an agent gives it, with its agency's signature where it has one. Nothing is verified. Errors: MALFORMED. */
export function parseDisclosureView(
  text: string,
): Result<{ readonly view: DisclosureView; readonly statement: string | undefined }> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return malformed();
  }
  if (typeof value !== 'object' || value === null) return malformed();
  const { v, agency, counterpart, sent, received, ended, statement } = value as Record<string, unknown>;
  if (v !== 1 || !isAgencyId(agency) || !isAgencyId(counterpart) || !areHashes(sent) || !areHashes(received))
    return malformed();
  if (!areEnds(ended) || (statement !== undefined && typeof statement !== 'string')) return malformed();
  return ok({ view: { v, agency, counterpart, sent, received, ended }, statement });
}

const areHashes = (value: unknown): value is Sha256[] => Array.isArray(value) && value.every(isSha256);
const areEnds = (value: unknown): value is DisclosureView['ended'] =>
  Array.isArray(value) &&
  value.every((end: unknown) => {
    const { hash, as } = (end ?? {}) as Record<string, unknown>;
    return isSha256(hash) && unopenedEnds.some((one) => one === as);
  });
const malformed = () => err(new AppError('MALFORMED', 'The file is no view of disclosures.'));
