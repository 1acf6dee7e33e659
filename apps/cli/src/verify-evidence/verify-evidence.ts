import { type LogBody, LoggedKeys, decodeEntry } from '#envelope';
import { AppError } from '#kernel';
import {
  type Checkpoint,
  type LogVerifier,
  type WitnessPolicy,
  leafHash,
  openCheckpoint,
  parseProof,
  verifyGrowth,
  verifyProof,
} from '#merkle';
import { pdfRenderer, renderPdf } from '#pdf';
import { openBodyLine, parseBodyLine } from '../domain/body-line.js';
import { type EvidenceIndex, type EvidencePieces, pieceNames, readEvidenceIndex } from '../domain/evidence-bundle.js';
import { type EvidenceFault, type EvidenceFaultKind, evidenceFault } from '../domain/evidence-fault.js';
import { type NumberGap, ExchangeNumbers } from '../domain/exchange-numbers.js';
import { type WitnessedReport, judgeCheckpoint } from '../domain/witnessed.js';
import { trustedKeys } from '../domain/log-keys.js';
import { evidencePage, readMeText } from '../show-evidence/evidence-page.js';
import { readKeptReceipt } from '../verify-log/check-receipts.js';
import { checkBases } from './check-bases.js';
import { type ProvedStatement, checkStatement, statementsOf } from './check-statements.js';

/** An entry of the transfer that stands in the log as its body says. */
export interface ProvedEntry {
  readonly index: number;
  readonly body: LogBody;
}

/** What a bundle proves. */
export interface ProvedTransfer {
  readonly checkpoint: Checkpoint;
  readonly entries: readonly ProvedEntry[];
  readonly statements: readonly ProvedStatement[];
  readonly keys: LoggedKeys;
}

/** What the reader knows, the bundle apart. */
export interface KnownBeforehand {
  /** A key of the log; else the one in the bundle counts, which proves nothing until it is compared. */
  readonly verifierKey?: string | undefined;
  /** Who must have cosigned the bundle's checkpoint, each operator counted as it says. */
  readonly policy?: WitnessPolicy | undefined;
  /** Latest time that a cosignature may state. */
  readonly now?: Date;
}

export interface EvidenceReport {
  readonly ok: boolean;
  readonly index?: EvidenceIndex;
  readonly transfer?: ProvedTransfer;
  /** By the policy that was given. */
  readonly witnessed?: WitnessedReport;
  readonly faults: readonly EvidenceFault[];
  /** Of an agency's own bundle: numbers of the exchange that it does not show. */
  readonly gaps: readonly NumberGap[];
  /** The page was made by another version of the program, so that its bytes could not be made again and compared. */
  readonly pageNotCompared: boolean;
}

/**
 * Proves a bundle with nothing but the log's key: every entry stands under the signed checkpoint, every statement is the one
 * that its entry names and was signed by a key that the log shows, and the page says what was proved. By a policy it tells too
 * whether others saw that log: without one a log that was shown to the reader alone would pass. What it does not show: that the
 * log had no further entry about the exchange after these, and a revocation that was left out of the bundle.
 */
export async function verifyEvidence(pieces: EvidencePieces, known: KnownBeforehand = {}): Promise<EvidenceReport> {
  return new EvidenceVerification(pieces, known).run();
}

const text = (piece: Uint8Array): string => Buffer.from(piece).toString('utf8');

class EvidenceVerification {
  private readonly faults: EvidenceFault[] = [];
  private readonly expected = new Set<string>([pieceNames.index]);
  private witnessed: WitnessedReport | undefined;

  constructor(
    private readonly pieces: EvidencePieces,
    private readonly known: KnownBeforehand,
  ) {}

  async run(): Promise<EvidenceReport> {
    const index = readEvidenceIndex(this.pieces);
    if (!index.ok) return this.report({ fault: ['bundle-unreadable', pieceNames.index, index.error.detail] });
    const verifier = await this.verifier();
    const note = this.piece(pieceNames.checkpoint);
    if (verifier === undefined || note === undefined) return this.report({ index: index.value });
    const checkpoint = openCheckpoint(text(note), verifier);
    if (!checkpoint.ok) {
      const fault = ['checkpoint-invalid', pieceNames.checkpoint, checkpoint.error.detail] as const;
      return this.report({ index: index.value, fault });
    }
    this.judge(checkpoint.value);
    const keys = await this.keys(index.value, checkpoint.value, verifier);
    const entries = index.value.entries.flatMap((at) => this.entry(at, checkpoint.value, verifier) ?? []);
    const statements = await this.statements(entries, keys);
    const transfer: ProvedTransfer = { checkpoint: checkpoint.value, entries, statements, keys };
    this.checkWhole(index.value, transfer);
    for (let number = 0; number < index.value.receipts; number += 1) this.receipt(number, transfer, verifier);
    const pageNotCompared = this.page(index.value, transfer);
    this.refuseWhatIsMore();
    return this.report({ index: index.value, transfer, pageNotCompared });
  }

  private report({
    index,
    transfer,
    fault,
    pageNotCompared = false,
  }: {
    readonly index?: EvidenceIndex;
    readonly transfer?: ProvedTransfer;
    readonly fault?: readonly [EvidenceFaultKind, string, string];
    readonly pageNotCompared?: boolean;
  }): EvidenceReport {
    if (fault !== undefined) this.add(...fault);
    const numbers = new ExchangeNumbers();
    for (const { body } of transfer?.entries ?? [])
      if (body.exchangeId !== undefined && body.seq !== undefined) numbers.add(body.exchangeId, body.seq);
    return {
      ok: this.faults.length === 0,
      ...(index && { index }),
      ...(transfer && { transfer }),
      ...(this.witnessed && { witnessed: this.witnessed }),
      faults: this.faults,
      gaps: numbers.gaps(),
      pageNotCompared,
    };
  }

  private add(kind: EvidenceFaultKind, piece: string, detail: string): void {
    this.faults.push(evidenceFault(kind, piece, detail));
  }

  private piece(name: string): Uint8Array | undefined {
    this.expected.add(name);
    const piece = this.pieces.get(name);
    if (piece === undefined)
      this.add('piece-missing', name, 'The bundle says that it has this piece, or must have it.');
    return piece;
  }

  private async verifier(): Promise<LogVerifier | undefined> {
    const piece = this.piece(pieceNames.verifierKey);
    this.expected.add(pieceNames.logKeys);
    const key = this.known.verifierKey ?? (piece && text(piece).trim());
    if (key === undefined) return undefined;
    try {
      const { keys, problem } = await trustedKeys(key, this.pieces.get(pieceNames.logKeys));
      if (problem) this.add('checkpoint-invalid', pieceNames.logKeys, problem.detail);
      return keys;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.add('checkpoint-invalid', pieceNames.verifierKey, error.detail);
      return undefined;
    }
  }

  /** Did enough operators see this very tree? */
  private judge(checkpoint: Checkpoint): void {
    const { policy, now = new Date() } = this.known;
    const judged = policy && judgeCheckpoint(checkpoint, policy, now);
    if (judged === undefined) return;
    if (judged.ok) this.witnessed = judged.value;
    else {
      const kind = judged.error.code === 'LOG_NOT_WITNESSED' ? 'checkpoint-unwitnessed' : 'checkpoint-invalid';
      this.add(kind, pieceNames.checkpoint, judged.error.detail);
    }
  }

  /** The bytes that the tree hashes at this index, if they stand there. */
  private leaf(index: number, checkpoint: Checkpoint, verifier: LogVerifier): Uint8Array | undefined {
    const [entry, file] = [this.piece(pieceNames.entry(index)), this.piece(pieceNames.proof(index))];
    if (entry === undefined || file === undefined) return undefined;
    const name = pieceNames.proof(index);
    const proof = parseProof(text(file));
    if (!proof.ok) this.add('proof-invalid', name, proof.error.detail);
    else if (proof.value.index !== BigInt(index))
      this.add('proof-of-another-entry', name, `It is the proof of entry ${proof.value.index}.`);
    else if (proof.value.checkpoint !== checkpoint.note)
      this.add('checkpoint-differs', name, 'It leads to another checkpoint than the bundle’s.');
    else if (!verifyProof(proof.value, leafHash(entry), verifier).ok)
      this.add('proof-invalid', name, `${pieceNames.entry(index)} and this proof do not lead to the signed root.`);
    else return entry;
    return undefined;
  }

  private entry(index: number, checkpoint: Checkpoint, verifier: LogVerifier): ProvedEntry | undefined {
    const leaf = this.leaf(index, checkpoint, verifier);
    const piece = this.piece(pieceNames.body(index));
    if (leaf === undefined || piece === undefined) return undefined;
    const line = parseBodyLine(text(piece));
    const opened = line.ok && line.value.index === index ? openBodyLine(line.value) : undefined;
    if (opened?.ok && opened.value.leafHash.equals(leafHash(leaf))) return { index, body: opened.value.body };
    this.add(
      'body-changed',
      pieceNames.body(index),
      `Body and commitment key do not lead to entry ${index} of the log.`,
    );
    return undefined;
  }

  /** Each key record with its place in the log, in the order of the log: by them alone signatures are judged. */
  private async keys(index: EvidenceIndex, checkpoint: Checkpoint, verifier: LogVerifier): Promise<LoggedKeys> {
    const keys = new LoggedKeys();
    for (const at of index.keys) {
      const leaf = this.leaf(at, checkpoint, verifier);
      const decoded = leaf && decodeEntry(leaf);
      if (decoded === undefined) continue;
      if (!decoded.ok || decoded.value.kind !== 'clear') {
        this.add('entry-unreadable', pieceNames.entry(at), 'It is no entry in clear.');
        continue;
      }
      const applied = await keys.apply(decoded.value.record, at);
      if (!applied.ok) this.add('key-untrusted', pieceNames.entry(at), applied.error.detail);
    }
    return keys;
  }

  private async statements(entries: readonly ProvedEntry[], keys: LoggedKeys): Promise<ProvedStatement[]> {
    const proved: ProvedStatement[] = [];
    for (const entry of entries) {
      for (const kind of statementsOf(entry.body)) {
        const name = pieceNames.statement(entry.index, kind);
        this.expected.add(name);
        const piece = this.pieces.get(name);
        if (piece === undefined) {
          this.add(
            'statement-missing',
            name,
            `Entry ${entry.index} names a signed ${kind} that the bundle does not show.`,
          );
          continue;
        }
        const checked = await checkStatement(kind, text(piece), entry, keys);
        if ('fault' in checked) this.add(checked.fault, name, checked.detail);
        else proved.push(checked.proved);
      }
    }
    return proved;
  }

  private checkWhole({ exchangeId, madeBy }: EvidenceIndex, transfer: ProvedTransfer): void {
    for (const fault of checkBases(exchangeId, transfer)) this.add(fault.kind, fault.piece, fault.detail);
    if (!madeBy.startsWith('A-')) return;
    // A supervising authority sees every entry: what is missing was taken out, or was not yet logged.
    const numbers = new ExchangeNumbers();
    for (const { body } of transfer.entries)
      if (body.exchangeId === exchangeId && body.seq !== undefined) numbers.add(exchangeId, body.seq);
    for (const { missing } of numbers.gaps())
      this.add('entry-missing', pieceNames.index, `No entry has number ${missing.join(', ')} of the exchange.`);
  }

  /** The agency's own receipt: of one of these entries, under a checkpoint from which this log has grown. */
  private receipt(number: number, { checkpoint, entries }: ProvedTransfer, verifier: LogVerifier): void {
    const [name, growthName] = [pieceNames.receipt(number), pieceNames.growth(number)];
    const [piece, growth] = [this.piece(name), this.piece(growthName)];
    if (piece === undefined || growth === undefined) return;
    const receipt = readKeptReceipt(text(piece), verifier);
    if (!receipt.ok) return this.add('receipt-invalid', name, receipt.error.detail);
    const { index, body } = receipt.value;
    const same = entries.some((entry) => entry.index === index && entry.body.eventId === body.eventId);
    if (!same) return this.add('receipt-invalid', name, 'It is the receipt of another entry.');
    const hashes = text(growth).split('\n').filter(Boolean);
    const proof = hashes.map((hash) => Buffer.from(hash, 'base64'));
    const grown =
      proof.every((hash, at) => hash.length === 32 && hash.toString('base64') === hashes[at]) &&
      verifyGrowth(receipt.value.checkpoint, checkpoint, proof).ok;
    if (!grown)
      this.add('receipt-of-another-tree', growthName, 'The log of the checkpoint has not grown from the receipt’s.');
  }

  /** @returns whether the page could not be compared */
  private page(index: EvidenceIndex, transfer: ProvedTransfer): boolean {
    const [page, readMe] = [this.piece(pieceNames.page), this.piece(pieceNames.readMe)];
    if (readMe !== undefined && text(readMe) !== readMeText(index))
      this.add('page-changed', pieceNames.readMe, 'The text is not the one that belongs to this bundle.');
    if (page === undefined || this.faults.length > 0) return false;
    if (index.renderer !== pdfRenderer) return true;
    const made = renderPdf(evidencePage(index, transfer));
    if (!made.equals(page))
      this.add('page-changed', pieceNames.page, 'The page is not the one that follows from the proved pieces.');
    return false;
  }

  private refuseWhatIsMore(): void {
    for (const name of this.pieces.keys())
      if (!this.expected.has(name)) this.add('piece-unexpected', name, 'Nothing in the log stands for this piece.');
  }
}

/** Thumbprints by which the first key of each agency is compared with what the agency itself says. */
export const firstKeys = ({ keys, entries }: ProvedTransfer): { agency: string; thumbprint: string }[] =>
  [...new Set(entries.flatMap(({ body }) => [body.sender, body.recipient, body.actor?.agency]))]
    .filter((agency) => agency !== undefined)
    .flatMap((agency) => {
      const first = keys.keysOf(agency).find(({ use }) => use === 'signing');
      return first ? [{ agency, thumbprint: first.kid }] : [];
    });
