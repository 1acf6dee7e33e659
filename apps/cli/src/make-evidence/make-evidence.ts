import { type ListedEntry, logKeysFile, parseLogBody, readStatement } from '#envelope';
import { type AgencyId, AppError, type ExchangeId, unwrap } from '#kernel';
import {
  type Checkpoint,
  type WitnessPolicy,
  assembleConsistencyProof,
  assembleInclusionProof,
  consistencyProofNodes,
  formatProof,
  inclusionProofNodes,
  readNodes,
} from '#merkle';
import { pdfRenderer, renderPdf } from '#pdf';
import type { EvidencedLine } from '../domain/body-line.js';
import { type EvidenceIndex, type EvidenceLanguage, pieceNames } from '../domain/evidence-bundle.js';
import type { LogFiles } from '../domain/log-files.js';
import { trustedKeys } from '../domain/log-keys.js';
import { clearEntries, entriesAt } from '../infra/clear-entries.js';
import { evidencePage, readMeText } from '../show-evidence/evidence-page.js';
import { type EvidenceReport, verifyEvidence } from '../verify-evidence/verify-evidence.js';
import { readKeptReceipt } from '../verify-log/check-receipts.js';

export interface MakeEvidence {
  readonly exchangeId: ExchangeId;
  readonly madeBy: AgencyId;
  readonly madeAt: Date;
  readonly language: EvidenceLanguage;
  readonly lines: readonly EvidencedLine[];
  readonly log: LogFiles;
  readonly checkpoint: Checkpoint;
  /** Size up to which the log's files are there. */
  readonly published: number;
  readonly verifierKey: string;
  /** Opened receipts, JSON. */
  readonly receipts: readonly string[];
  /** By which the finished bundle is judged. */
  readonly policy?: WitnessPolicy | undefined;
  readonly onProgress?: (done: number, of: number) => void;
}

export interface MadeEvidence {
  readonly pieces: ReadonlyMap<string, Uint8Array>;
  /** What verifying the finished bundle says. */
  readonly report: EvidenceReport;
}

/**
 * Everything that proves one transfer, from opened entries and the public log. The keys, and what revoked them, are all that
 * the signed tree has (`clearEntries`). Errors: UNAVAILABLE (the published log does not hold an entry yet), LOG_INCONSISTENT,
 * RECEIPT_INVALID.
 */
export async function makeEvidence(request: MakeEvidence): Promise<MadeEvidence> {
  const { lines, log, checkpoint, exchangeId } = request;
  const late = lines.find(({ index }) => index >= checkpoint.size);
  if (late) throw new AppError('UNAVAILABLE', `The published log does not hold entry ${late.index} yet. Try again.`);
  const signed = { files: log, tree: checkpoint, published: request.published };
  const agencies = agenciesOf(lines);
  const keyEntries = await clearEntries(signed, (one) => isKeyNeeded(one, agencies), request.onProgress);
  const keys = keyEntries.map(({ index }) => index);
  const entries = lines.map(({ index }) => index);
  const read = new Map([
    ...(await entriesAt(signed, entries)),
    ...keyEntries.map(({ index, entry }) => [index, entry] as const),
  ]);
  const index: EvidenceIndex = {
    v: 1,
    exchangeId,
    madeBy: request.madeBy,
    madeAt: request.madeAt.toISOString(),
    language: request.language,
    renderer: pdfRenderer,
    entries,
    keys,
    receipts: request.receipts.length,
  };
  const pieces = new Map<string, Uint8Array>();
  const put = (name: string, content: string | Uint8Array): void => {
    pieces.set(name, typeof content === 'string' ? Buffer.from(content) : content);
  };
  put(pieceNames.index, `${JSON.stringify(index, undefined, 2)}\n`);
  put(pieceNames.readMe, readMeText(index));
  put(pieceNames.checkpoint, checkpoint.note);
  put(pieceNames.verifierKey, `${request.verifierKey}\n`);
  const links = await log.read(logKeysFile);
  if (links) put(pieceNames.logKeys, links);
  const leaves = [...new Set([...entries, ...keys])];
  const nodes = await readNodes(
    leaves.flatMap((leaf) => inclusionProofNodes(leaf, checkpoint.size)),
    request.published,
    (path) => log.read(path),
  );
  for (const leaf of leaves) {
    const entry = read.get(leaf);
    if (!entry) throw new AppError('LOG_INCONSISTENT', `The published log does not show entry ${leaf}.`);
    put(pieceNames.entry(leaf), entry);
    const proof = assembleInclusionProof(leaf, checkpoint.size, nodes);
    put(pieceNames.proof(leaf), formatProof({ index: leaf, proof, checkpoint: checkpoint.note }));
  }
  for (const { statements, ...line } of lines) {
    const at = line.index;
    put(pieceNames.body(at), `${JSON.stringify(line)}\n`);
    for (const { kind, token } of statements) put(pieceNames.statement(at, kind), token);
  }
  for (const [number, text] of request.receipts.entries()) {
    put(pieceNames.receipt(number), text);
    put(pieceNames.growth(number), await growthFrom(text, request));
  }
  const { verifierKey } = request;
  // What can be proved is shown on the page, whatever else is wrong with the bundle.
  const { transfer } = await verifyEvidence(new Map(pieces), { verifierKey });
  if (transfer) put(pieceNames.page, renderPdf(evidencePage(index, transfer)));
  return { pieces, report: await verifyEvidence(pieces, { verifierKey, policy: request.policy }) };
}

/** Who may have signed something of the transfer. */
function agenciesOf(lines: readonly EvidencedLine[]): ReadonlySet<string> {
  const bodies = lines.flatMap(({ body }) => {
    const parsed = parseLogBody(JSON.parse(body));
    return parsed.ok ? [parsed.value] : [];
  });
  const collectors = lines.flatMap(({ statements }) =>
    statements.flatMap(({ kind, token }) => {
      const consent = kind === 'consent' ? readStatement('consent', token) : undefined;
      return consent?.ok ? [consent.value.payload.collectingAgency] : [];
    }),
  );
  return new Set([
    ...bodies.flatMap(({ sender, recipient, actor }) => [sender, recipient, actor?.agency].filter(Boolean) as string[]),
    ...collectors,
  ]);
}

/** Signing and recovery keys of these agencies with what revoked them, and the hub's keys that sign permits and outcomes. */
function isKeyNeeded({ type, agency, use = '' }: ListedEntry, agencies: ReadonlySet<string>): boolean {
  const isTheirs = agency !== undefined && agencies.has(agency);
  if (type === 'agency-key') return isTheirs && ['signing', 'recovery'].includes(use);
  if (type === 'agency-key-revocation') return isTheirs;
  return type === 'hub-key' && ['permit', 'outcome'].includes(use);
}

/** Hashes in base64, one a line, from the receipt's checkpoint to the bundle's. */
async function growthFrom(receipt: string, { log, checkpoint, published, verifierKey }: MakeEvidence): Promise<string> {
  const { keys } = await trustedKeys(verifierKey, await log.read(logKeysFile));
  const kept = unwrap(readKeptReceipt(receipt, keys));
  const { size } = kept.checkpoint;
  if (size > checkpoint.size)
    throw new AppError('UNAVAILABLE', 'The published log is older than the receipt. Try again.');
  const nodes = await readNodes(consistencyProofNodes(size, checkpoint.size), published, (path) => log.read(path));
  const proof = assembleConsistencyProof(size, checkpoint.size, nodes);
  return proof.map((hash) => `${Buffer.from(hash).toString('base64')}\n`).join('');
}
