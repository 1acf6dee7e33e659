import { type AgencyId, unwrap } from '#kernel';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { reconcile } from '../domain/disclosure-view.js';
import { type AgencyView, type KnownKeys, type Standing, isFileAt, viewAt } from './agency-view.js';

export interface RunReconciliation {
  /** Each a view's file or the folder of an agency's own export: of the log with its bodies, or of its entries for a period. */
  readonly first: string;
  readonly second: string;
  /** Of exports: the two agencies, in that order. */
  readonly between?: readonly [AgencyId, AgencyId];
  /** By which signatures and exports are verified; with them a view that nobody signed is not enough. */
  readonly known?: KnownKeys;
}

/**
 * Compares what two agencies say went between them, and says what vouches for each side. Neither side's file shows the other more
 * than hashes.
 */
export async function runReconciliation({ first, second, between, known }: RunReconciliation): Promise<CommandOutcome> {
  const [a, b] = between ?? [];
  const files = await Promise.all([first, second].map(isFileAt));
  const what = files.includes(true) ? 'all' : 'opened';
  const sides = [await viewAt(first, what, [a, b], known), await viewAt(second, what, [b, a], known)] as const;
  const [one, other] = [sides[0].view, sides[1].view];
  const { unmatched, endedBefore } = unwrap(reconcile(one, other));
  const ofFirst = new Set(one.sent).size + new Set(one.received).size;
  const ofOne = [...unmatched.map(({ knownTo }) => knownTo), ...endedBefore.map(({ sender }) => sender)];
  const matched = ofFirst - ofOne.filter((agency) => agency === one.agency).length;
  const isVouched = sides.every(({ standing }) => vouches(standing, known !== undefined));
  const fits = unmatched.length === 0;
  return {
    ok: fits && isVouched,
    data: {
      between: [one.agency, other.agency],
      matched,
      unmatched,
      endedBefore,
      sides: sides.map(({ view, standing }) => ({ agency: view.agency, ...standing })),
    },
    lines: [
      ...sides.map(({ view, standing }) => `  ${view.agency.padEnd(8)} ${standingLine(standing)}`),
      ...otherTimes(sides),
      ...unmatched.map(
        ({ knownTo, unknownTo, direction, hash }) =>
          `UNMATCHED ${knownTo} has ${direction} ${hash}, of which ${unknownTo} knows nothing`,
      ),
      ...endedBefore.map(
        ({ sender, recipient, as, hash }) => `ended       ${sender} sent ${hash}, ${as} before ${recipient} had it`,
      ),
      fits
        ? `Reconciled: ${matched} disclosures between ${one.agency} and ${other.agency}, each known to both.`
        : `NOT reconciled: ${unmatched.length} of ${matched + unmatched.length} disclosures are known to one side only.`,
      ...(isVouched ? [] : ['NOT proved: what a side shows may be other than what it has; see above.']),
    ],
  };
}

/** Without keys nothing is claimed of a signature, and what is wrong is wrong all the same. */
function vouches(standing: Standing, keysAreKnown: boolean): boolean {
  switch (standing.kind) {
    case 'signed':
    case 'complete':
    case 'completeness-unknown':
      return true;
    case 'unsigned':
    case 'signature-unverified':
      return !keysAreKnown;
    case 'signature-wrong':
    case 'incomplete':
      return false;
  }
}

function standingLine(standing: Standing): string {
  switch (standing.kind) {
    case 'signed':
      return `signed by the agency at ${standing.at}, by a key in the log`;
    case 'signature-unverified':
      return 'signed, NOT verified: give --log for the keys';
    case 'unsigned':
      return 'NOT SIGNED: anybody could have written this view';
    case 'signature-wrong':
      return `SIGNATURE WRONG: ${standing.code}`;
    case 'complete':
      return `proved complete: all of its entries logged from ${standing.from} to before ${standing.until}`;
    case 'incomplete':
      return `NOT proved complete: ${standing.why}`;
    case 'completeness-unknown':
      return 'completeness not proved: an export of bodies does not show that they are all; an export for a period does';
  }
}

function otherTimes(sides: readonly [AgencyView, AgencyView]): string[] {
  const [one, other] = sides.map(({ standing }) => standing);
  if (one?.kind !== 'complete' || other?.kind !== 'complete') return [];
  return one.from === other.from && one.until === other.until
    ? []
    : ['  The two exports are of different times: what lies in one of them alone is unmatched.'];
}
