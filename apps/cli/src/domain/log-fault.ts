import type { ErrorCode } from '#kernel';

/** What can be wrong with an exported log, each with the code under which it is reported. */
export const faultCodes = {
  'checkpoint-missing': 'CHECKPOINT_INVALID',
  'checkpoint-invalid': 'CHECKPOINT_INVALID',
  'checkpoint-unwitnessed': 'LOG_NOT_WITNESSED',
  'root-mismatch': 'LOG_INCONSISTENT',
  'entry-changed': 'LEAF_MISMATCH',
  'entry-missing': 'LEAF_MISMATCH',
  'entry-extra': 'LEAF_MISMATCH',
  'entry-moved': 'LEAF_MISMATCH',
  'entry-unreadable': 'LEAF_MISMATCH',
  'entry-unnumbered': 'LEAF_MISMATCH',
  'tail-missing': 'LEAF_MISMATCH',
  'bundle-missing': 'LEAF_MISMATCH',
  'bundle-broken': 'LEAF_MISMATCH',
  'tile-missing': 'LOG_INCONSISTENT',
  'tile-changed': 'LOG_INCONSISTENT',
  'body-changed': 'LEAF_MISMATCH',
  'body-missing': 'LEAF_MISMATCH',
  'body-extra': 'LEAF_MISMATCH',
  'body-not-erased': 'LEAF_MISMATCH',
  'tombstone-without-leaf': 'LOG_INCONSISTENT',
  'body-out-of-order': 'LEAF_MISMATCH',
  'body-unreadable': 'MALFORMED',
  'index-reused': 'LOG_INCONSISTENT',
  forked: 'LOG_INCONSISTENT',
  'rolled-back': 'LOG_INCONSISTENT',
  'earlier-invalid': 'CHECKPOINT_INVALID',
  'row-missing': 'LOG_INCONSISTENT',
  'log-keys-changed': 'LOG_INCONSISTENT',
  'log-key-untrusted': 'KEY_UNTRUSTED',
  'clear-list-false': 'LOG_INCONSISTENT',
  'receipt-invalid': 'RECEIPT_INVALID',
  'receipt-of-another-tree': 'LOG_INCONSISTENT',
  'receipt-beyond-export': 'RECEIPT_INVALID',
} as const satisfies Record<string, ErrorCode>;

export type FaultKind = keyof typeof faultCodes;

/** One thing that is wrong, with its place. */
export interface LogFault {
  readonly kind: FaultKind;
  readonly code: ErrorCode;
  /**
   * Index in the log of the entry concerned, of several the first. Of a checkpoint its size: the fault lies before that entry, and
   * nothing but another copy of the log could tell where.
   */
  readonly index?: number;
  /** Of that entry, where it can be read. */
  readonly eventId?: string;
  /** File below the export's folder, or the receipt's. */
  readonly path?: string;
  readonly detail: string;
}

export const faultOf = (kind: FaultKind, detail: string, place: Pick<LogFault, 'index' | 'eventId' | 'path'> = {}) =>
  ({ kind, code: faultCodes[kind], ...place, detail }) satisfies LogFault;

const mostKept = 200;

/** Faults in the order in which they were found: the first ones in full, of the others the number. */
export class FaultList {
  readonly kept: LogFault[] = [];
  private found = 0;

  add(fault: LogFault): void {
    this.found += 1;
    if (this.kept.length < mostKept) this.kept.push(fault);
  }

  addAll(faults: readonly LogFault[]): void {
    for (const fault of faults) this.add(fault);
  }

  get count(): number {
    return this.found;
  }
}
