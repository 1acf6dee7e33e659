import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { type LogBody, type Receipt, parseReceipt, verifyReceipt } from '#envelope';
import { AppError, type Result, err, ok } from '#kernel';
import type { Checkpoint, LogVerifier } from '#merkle';
import { commitmentKeyOf } from '../domain/body-line.js';
import { type LogFault, faultOf } from '../domain/log-fault.js';

/** A receipt as an agency keeps it, with its leaf opened: a JSON file. */
export interface KeptReceipt extends Receipt {
  /** Canonical JSON of the entry's body. */
  readonly body: string;
  /** 32 bytes in base64 or base64url. */
  readonly commitmentKey: string;
}

/** A receipt that is right in itself: entry, proof and signature fit. */
export interface ReceiptInHand {
  readonly path: string;
  readonly index: number;
  readonly checkpoint: Checkpoint;
  readonly body: LogBody;
}

/** Errors: NOT_FOUND, RECEIPT_INVALID, CHECKPOINT_INVALID. */
export async function readReceipt(path: string, logVerifier: LogVerifier): Promise<Result<ReceiptInHand>> {
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) return err(new AppError('NOT_FOUND', 'The receipt cannot be read.'));
  const kept = readKeptReceipt(text, logVerifier);
  return kept.ok ? ok({ path, ...kept.value }) : kept;
}

/** The same from the file's text. Errors: RECEIPT_INVALID, CHECKPOINT_INVALID. */
export function readKeptReceipt(text: string, logVerifier: LogVerifier): Result<Omit<ReceiptInHand, 'path'>> {
  const kept = parseKeptReceipt(text);
  if (!kept.ok) return kept;
  const { body, commitmentKey, ...receipt } = kept.value;
  const verified = verifyReceipt({ receipt, opening: { body, commitmentKey }, logVerifier, expected: {} });
  return verified.ok ? ok({ index: receipt.leafIndex, ...verified.value }) : verified;
}

/**
 * Does the receipt come from this very tree? `rootAt` gives the roots that were recomputed from the entries at the
 * receipts' sizes: the log as it was shown to the agency must be a beginning of the log as exported.
 */
export function checkReceipt(
  { path, index, checkpoint }: ReceiptInHand,
  exported: { readonly size: number; readonly rootAt: ReadonlyMap<number, Buffer> },
): LogFault | undefined {
  const place = { index, path: basename(path) };
  if (checkpoint.size > exported.size) {
    const detail = `The receipt is of a log of ${checkpoint.size} entries, the export has ${exported.size}. Export again.`;
    return faultOf('receipt-beyond-export', detail, place);
  }
  if (exported.rootAt.get(checkpoint.size)?.equals(checkpoint.root)) return undefined;
  const detail = `At ${checkpoint.size} entries the log that gave this receipt had another root: two branches, or changed entries.`;
  return faultOf('receipt-of-another-tree', detail, place);
}

function parseKeptReceipt(text: string): Result<Receipt & { body: string; commitmentKey: Buffer }> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return invalid();
  }
  if (typeof value !== 'object' || value === null) return invalid();
  const { body, commitmentKey, ...rest } = value as Record<string, unknown>;
  const receipt = parseReceipt(rest);
  if (!receipt.ok) return receipt;
  const key = typeof commitmentKey === 'string' ? commitmentKeyOf(commitmentKey) : undefined;
  return typeof body === 'string' && key !== undefined ? ok({ ...receipt.value, body, commitmentKey: key }) : invalid();
}

const invalid = () => err(new AppError('RECEIPT_INVALID', 'The file is no opened receipt.'));
