import type { Pool } from 'pg';
import { inboxStatements } from './inbox-statements.js';

/** Records that were set aside so that their partition went on. Nobody works on them but an operator. */
export interface SetAside {
  /** Whose: a topic, or what a service does with it. */
  readonly consumer: string;
  /** `parked` after all attempts, with those of its exchange behind it; `quarantine`: it could not be read. */
  readonly place: 'parked' | 'quarantine';
  readonly count: number;
  /** Of these, how many since a day ago. */
  readonly lately: number;
}

/** What the inboxes of a schema have set aside. */
export class SetAsideRecords {
  constructor(private readonly options: { readonly pool: Pool; readonly schema: string }) {}

  async count(): Promise<SetAside[]> {
    const { pool, schema } = this.options;
    const { rows } = await pool.query<SetAside>(inboxStatements(schema).setAside);
    return rows;
  }
}
