import type { MigrationInterface, QueryRunner } from 'typeorm';
import { auditSchema as s } from '../schema.js';

/**
 * Leaves in clear, by what the tree hashes of them: keys of the log and tombstones are found without reading all the others. Not by
 * `entry_index`, which says what somebody wrote there.
 */
export class ClearEntries1764146000001 implements MigrationInterface {
  readonly name = 'ClearEntries1764146000001';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE INDEX entry_clear ON ${s}.entry (leaf_index) WHERE get_byte(entry, 0) = 2`);
  }

  async down(): Promise<void> {
    throw new Error('a log is not taken back');
  }
}
