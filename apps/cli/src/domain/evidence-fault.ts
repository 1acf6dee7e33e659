import type { ErrorCode } from '#kernel';

/** What can be wrong with an evidence bundle, each with the code under which it is reported. */
export const evidenceFaultCodes = {
  'bundle-unreadable': 'MALFORMED',
  'piece-missing': 'NOT_FOUND',
  'piece-unexpected': 'MALFORMED',
  'page-changed': 'HASH_MISMATCH',
  'checkpoint-invalid': 'CHECKPOINT_INVALID',
  'checkpoint-differs': 'LOG_INCONSISTENT',
  'checkpoint-unwitnessed': 'LOG_NOT_WITNESSED',
  'proof-invalid': 'RECEIPT_INVALID',
  'proof-of-another-entry': 'RECEIPT_INVALID',
  'entry-missing': 'LEAF_MISMATCH',
  'entry-unreadable': 'LEAF_MISMATCH',
  'entry-of-another-exchange': 'LEAF_MISMATCH',
  'body-changed': 'LEAF_MISMATCH',
  'statement-missing': 'NOT_FOUND',
  'statement-changed': 'HASH_MISMATCH',
  'statement-differs': 'HASH_MISMATCH',
  'permit-of-another-message': 'PERMIT_INVALID',
  'request-of-another-message': 'RELEASE_REQUEST_INVALID',
  'signature-invalid': 'SIGNATURE_INVALID',
  'key-untrusted': 'KEY_UNTRUSTED',
  'key-not-in-log': 'KEY_NOT_LOGGED',
  'key-not-valid': 'KEY_REVOKED',
  'basis-not-shown': 'NO_BASIS',
  'basis-too-narrow': 'CONSENT_TOO_NARROW',
  'basis-ended': 'CONSENT_WITHDRAWN',
  'receipt-invalid': 'RECEIPT_INVALID',
  'receipt-of-another-tree': 'LOG_INCONSISTENT',
} as const satisfies Record<string, ErrorCode>;

export type EvidenceFaultKind = keyof typeof evidenceFaultCodes;

/** One thing that is wrong, with the piece in which it is. */
export interface EvidenceFault {
  readonly kind: EvidenceFaultKind;
  readonly code: ErrorCode;
  /** Name of the piece within the bundle. */
  readonly piece: string;
  readonly detail: string;
}

export const evidenceFault = (kind: EvidenceFaultKind, piece: string, detail: string): EvidenceFault => ({
  kind,
  code: evidenceFaultCodes[kind],
  piece,
  detail,
});
