import { Controller, Inject } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import type {
  GetCheckpointResponse,
  GetConsistencyProofRequest,
  GetConsistencyProofResponse,
  GetConsistencyReceiptRequest,
  GetConsistencyReceiptResponse,
  GetEntriesRequest,
  GetEntriesResponse,
  GetInclusionProofRequest,
  GetInclusionProofResponse,
  GetInclusionReceiptRequest,
  GetInclusionReceiptResponse,
  GetLogFileRequest,
  GetLogFileResponse,
} from '#contracts';
import type { SigningKey } from '#envelope';
import { AppError } from '#kernel';
import { signConsistencyReceipt, signInclusionReceipt } from '#merkle';
import { Database } from '#platform';
import { Appender } from '../append-entries/appender.js';
import { LogKeyring } from '../infra/log-keyring.js';
import { readEntries, tileSource } from '../infra/log-store.js';
import { TileFolder } from '../publish-log/tile-folder.js';
import type { TileSource } from '../tree/tiled-tree.js';
import { consistencyProof, inclusionProof } from './proofs.js';

const maxEntries = 1_024;
/** Signs receipts, as the log key signs checkpoints: one key, one use. */
export const RECEIPT_KEY = Symbol('ReceiptKey');

/** The log for everybody: entries as the tree hashes them, and proofs. Shows committed sizes only, and no person. */
@Controller()
export class ReadLogController {
  private readonly tiles: TileSource;

  constructor(
    @Inject(Appender) private readonly appender: Appender,
    @Inject(Database) private readonly database: Database,
    @Inject(LogKeyring) private readonly logKeys: LogKeyring,
    @Inject(TileFolder) private readonly folder: TileFolder,
    @Inject(RECEIPT_KEY) private readonly receiptKey: SigningKey,
  ) {
    this.tiles = tileSource(database);
  }

  @GrpcMethod('AuditService', 'getCheckpoint')
  getCheckpoint(): GetCheckpointResponse {
    return { checkpoint: this.appender.current().checkpoint.note, verifierKey: this.logKeys.present.verifierKey };
  }

  @GrpcMethod('AuditService', 'getEntries')
  async getEntries({ from, to }: GetEntriesRequest): Promise<GetEntriesResponse> {
    const begin = indexOf(from);
    const end = Math.min(indexOf(to), begin + maxEntries, this.appender.current().checkpoint.size);
    return { entries: begin < end ? await readEntries(this.database, begin, end) : [] };
  }

  /** From the folder of published files, without the database. */
  @GrpcMethod('AuditService', 'getLogFile')
  async getLogFile({ path }: GetLogFileRequest): Promise<GetLogFileResponse> {
    const content = await this.folder.readPublic(path);
    if (content) return { content };
    // The folder of an instance that stands by may end earlier.
    if (!this.appender.active) throw new AppError('UNAVAILABLE', 'another instance publishes the log');
    throw new AppError('NOT_FOUND', 'the published log has no such file');
  }

  @GrpcMethod('AuditService', 'getInclusionProof')
  async getInclusionProof({ index, size }: GetInclusionProofRequest): Promise<GetInclusionProofResponse> {
    const { checkpoint, tree } = this.appender.current();
    const asked = { index: indexOf(index), size: indexOf(size), committed: checkpoint.size };
    return { hashes: await inclusionProof(tree, this.tiles, asked) };
  }

  @GrpcMethod('AuditService', 'getInclusionReceipt')
  async getInclusionReceipt({ index }: GetInclusionReceiptRequest): Promise<GetInclusionReceiptResponse> {
    const { checkpoint, tree } = this.appender.current();
    const { size, root } = checkpoint;
    const asked = { index: indexOf(index), size, committed: size };
    const path = await inclusionProof(tree, this.tiles, asked);
    const receipt = signInclusionReceipt(this.logKeys.name, { ...asked, path, root }, this.receiptKey);
    return { receipt };
  }

  @GrpcMethod('AuditService', 'getConsistencyReceipt')
  async getConsistencyReceipt({ first }: GetConsistencyReceiptRequest): Promise<GetConsistencyReceiptResponse> {
    const { checkpoint, tree } = this.appender.current();
    const { size, root } = checkpoint;
    const asked = { first: indexOf(first), second: size, committed: size };
    const path = await consistencyProof(tree, this.tiles, asked);
    const receipt = signConsistencyReceipt(this.logKeys.name, { ...asked, path, root }, this.receiptKey);
    return { receipt };
  }

  @GrpcMethod('AuditService', 'getConsistencyProof')
  async getConsistencyProof({ first, second }: GetConsistencyProofRequest): Promise<GetConsistencyProofResponse> {
    const { checkpoint, tree } = this.appender.current();
    const asked = { first: indexOf(first), second: indexOf(second), committed: checkpoint.size };
    return { hashes: await consistencyProof(tree, this.tiles, asked) };
  }
}

function indexOf(value: bigint): number {
  const index = Number(value);
  if (!Number.isSafeInteger(index)) throw new AppError('NOT_FOUND', 'the log has not reached that size');
  return index;
}
