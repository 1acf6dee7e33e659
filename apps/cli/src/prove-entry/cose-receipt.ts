import { type KeyObject, createPublicKey } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { decodeEntry, readStatement, thumbprintOf } from '#envelope';
import { AppError, unwrap } from '#kernel';
import {
  type WitnessPolicy,
  assembleRoot,
  decodeEntryBundle,
  entryBundlePath,
  leafHash,
  readCoseReceipt,
  readNodes,
  rootNodes,
  tileWidth,
  verifyConsistencyReceipt,
  verifyInclusionReceipt,
  widthAt,
} from '#merkle';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { checkWitnessed } from '../fsck/check-witnessed.js';
import type { LogFiles } from '../domain/log-files.js';
import { type WitnessedReport, witnessedLine } from '../domain/witnessed.js';
import { type OpenedLog, readCheckpoint } from '../infra/open-log.js';
import { patiently, refusalOf, withSlash } from '../infra/public-hub.js';

const mostTries = 20;
const betweenTriesMs = 500;

/**
 * Fetches the COSE receipt (RFC 9942) of an entry and keeps it, once it verifies against the log's own tiles and by the
 * receipt key that stands in the log in clear. Errors: NOT_FOUND, those of `verifyReceipt`.
 */
export async function proveEntryByReceipt(
  log: OpenedLog,
  { index, gateway, target }: { readonly index: number; readonly gateway: string; readonly target: string },
): Promise<CommandOutcome> {
  const url = new URL(`v1/log/receipts/inclusion?index=${index}`, withSlash(gateway));
  const response = await patiently(() => fetch(url));
  if (!response.ok) throw refusalOf(response.status, undefined);
  const bytes = Buffer.from(await response.arrayBuffer());
  const checked = await onceItIsPublished(() => checkReceipt(log, bytes));
  await writeFile(target, bytes);
  return {
    ok: true,
    data: { ...checked, path: target, receipt: bytes.toString('base64') },
    lines: [`entry ${index} of ${checked.size}: COSE receipt of ${bytes.length} bytes in ${target}`],
  };
}

/** The receipt is of the newest tree, whose tiles are published a moment later. */
async function onceItIsPublished<T>(check: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await check();
    } catch (error) {
      const early = error instanceof AppError && error.code === 'NOT_FOUND';
      if (!early || tries === mostTries) throw error;
    }
    await delay(betweenTriesMs);
  }
}

/**
 * Verifies a kept receipt against a log, of which a folder is enough: offline. By a policy the receipt's tree must be the beginning
 * of one that is witnessed. Errors: LOG_NOT_WITNESSED, those of `checkReceipt`.
 */
export async function verifyKeptReceipt(
  log: OpenedLog,
  path: string,
  policy: WitnessPolicy | undefined,
): Promise<CommandOutcome> {
  const checked = await checkReceipt(log, await readFile(path));
  const witnessed = policy && (await witnessedOver(log, checked.size, policy));
  const what = checked.kind === 'inclusion' ? `entry ${checked.index}` : `growth from ${checked.first} entries`;
  return {
    ok: true,
    data: { ...checked, ...(witnessed && { witnessed }) },
    lines: [
      ...(witnessed ? [`Witnessed: ${witnessedLine(witnessed)}`] : []),
      `Verified: ${what}, in the tree of ${checked.size} entries of ${checked.issuer}, by key ${checked.kid}.`,
    ],
  };
}

async function witnessedOver(log: OpenedLog, size: number, policy: WitnessPolicy): Promise<WitnessedReport> {
  const { files, verifier } = log;
  const checkpoint = await readCheckpoint(files, verifier);
  const { witnessed, faults } = await checkWitnessed(policy, { files, verifier, checkpoint }, new Date());
  const [fault] = faults;
  if (fault) throw new AppError(fault.code, fault.detail);
  if (!witnessed || witnessed.size < size)
    throw new AppError('LOG_NOT_WITNESSED', `Witnesses have cosigned ${witnessed?.size ?? 0} entries of ${size}.`);
  return witnessed;
}

interface CheckedReceipt {
  readonly kind: 'inclusion' | 'consistency';
  readonly issuer: string;
  readonly kid: string;
  readonly size: number;
  readonly index?: number;
  readonly first?: number;
}

/**
 * Signature by the key of the log's clear leaf, entry and roots by the log's tiles under its signed checkpoint.
 * Errors: RECEIPT_INVALID, KEY_NOT_LOGGED, NOT_FOUND (the log here ends before the receipt's tree), LOG_INCONSISTENT.
 */
async function checkReceipt(log: OpenedLog, bytes: Uint8Array): Promise<CheckedReceipt> {
  const receipt = unwrap(readCoseReceipt(bytes));
  const { files, verifier } = log;
  const { size: known } = await readCheckpoint(files, verifier);
  if (receipt.issuer !== verifier.name) throw new AppError('RECEIPT_INVALID', 'The receipt is of another log.');
  const { proof, kid, issuer } = receipt;
  const size = proof.kind === 'inclusion' ? proof.size : proof.second;
  if (size > known) throw new AppError('NOT_FOUND', `The log here has ${known} entries, the receipt's tree ${size}.`);
  const rootAt = async (at: number): Promise<Buffer> =>
    Buffer.from(assembleRoot(at, await readNodes(rootNodes(at), known, (path) => files.read(path))));
  const key = await receiptKey(files, known, kid);
  const { root } =
    proof.kind === 'inclusion'
      ? unwrap(verifyInclusionReceipt(receipt, leafHash(await entryAt(files, proof.index, known)), key))
      : unwrap(verifyConsistencyReceipt(receipt, await rootAt(proof.first), key));
  if (!root.equals(await rootAt(size)))
    throw new AppError('LOG_INCONSISTENT', 'The receipt was signed for another tree of that size.');
  const about = proof.kind === 'inclusion' ? { index: proof.index } : { first: proof.first };
  return { kind: proof.kind, issuer, kid, size, ...about };
}

/** The key that the log shows in clear under that thumbprint, as audit's for receipts. */
async function receiptKey(files: LogFiles, size: number, kid: string): Promise<KeyObject> {
  for (let n = 0; n * tileWidth < size; n += 1) {
    for (const entry of await bundleAt(files, n, size)) {
      const decoded = decodeEntry(entry);
      if (!decoded.ok || decoded.value.kind !== 'clear' || decoded.value.record.type !== 'hub-key') continue;
      const statement = readStatement('hub-key', decoded.value.record.record);
      if (!statement.ok) continue;
      const { service, use, jwk } = statement.value.payload;
      if (service === 'audit' && use === 'receipt' && (await thumbprintOf(jwk)) === kid)
        return createPublicKey({ key: { ...jwk }, format: 'jwk' });
    }
  }
  throw new AppError('KEY_NOT_LOGGED', 'The log shows no such key for receipts.');
}

async function entryAt(files: LogFiles, index: number, size: number): Promise<Uint8Array> {
  if (index >= size) throw new AppError('RECEIPT_INVALID', 'There is no such entry.');
  const entries = await bundleAt(files, Math.floor(index / tileWidth), size);
  return entries[index % tileWidth] ?? new Uint8Array();
}

async function bundleAt(files: LogFiles, n: number, size: number): Promise<Uint8Array[]> {
  const width = widthAt(n, size);
  return unwrap(decodeEntryBundle((await files.read(entryBundlePath(n, width))) ?? Buffer.alloc(0), width));
}
