import { Inject, Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import type { clearListFile, logKeysFile } from '#envelope';
import { AUDIT, type AuditClient } from '../infra/peers.js';

const CACHE_BYTES = 64 * 1024 * 1024;
const CHECKPOINT_MS = 1_000;
/** What an entry of the cache costs beside its bytes, about. */
const OVERHEAD = 256;

/**
 * The files of the public log, which audit has written once. Tiles and bundles never change, so they are kept here as long
 * as there is room; the checkpoint and the log's keys for a second, so that no crowd of readers reaches audit.
 */
@Injectable()
export class LogFiles {
  private readonly tiles: LRUCache<string, Buffer>;
  private readonly notes: LRUCache<string, Buffer>;

  constructor(@Inject(AUDIT) private readonly audit: AuditClient) {
    const fetchMethod = async (path: string): Promise<Buffer> => {
      const { content } = await this.audit.getLogFile({ path });
      return Buffer.from(content.buffer, content.byteOffset, content.byteLength);
    };
    this.tiles = new LRUCache({
      maxSize: CACHE_BYTES,
      sizeCalculation: ({ length }) => length + OVERHEAD,
      fetchMethod,
    });
    this.notes = new LRUCache({ max: 4, ttl: CHECKPOINT_MS, fetchMethod });
  }

  /** Errors: NOT_FOUND, UNAVAILABLE. */
  async tile(path: string): Promise<Buffer> {
    return this.tiles.forceFetch(path);
  }

  /** Errors: NOT_FOUND, UNAVAILABLE. */
  async note(name: 'checkpoint' | 'checkpoint.cosigned' | typeof logKeysFile | typeof clearListFile): Promise<Buffer> {
    return this.notes.forceFetch(name);
  }
}
