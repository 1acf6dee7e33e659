import type { MigrationInterface, QueryRunner } from 'typeorm';
import { commonTypes } from '../../domain/entry-types.js';
import { auditSchema as s } from '../schema.js';

/** Ways into the index for a search, beside those by chain and exchange. Each holds only what is sought by it. */
export class Search1764117000002 implements MigrationInterface {
  readonly name = 'Search1764117000002';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE INDEX entry_index_message_id ON ${s}.entry_index (message_id, leaf_index) WHERE message_id IS NOT NULL;
      CREATE INDEX entry_index_worker ON ${s}.entry_index (worker, leaf_index) WHERE worker IS NOT NULL;
      CREATE INDEX entry_index_code ON ${s}.entry_index (code, leaf_index) WHERE code IS NOT NULL;
      CREATE INDEX entry_index_type ON ${s}.entry_index (type, leaf_index)
        WHERE type NOT IN (${commonTypes.map((type) => `'${type}'`).join(', ')});
    `);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}
