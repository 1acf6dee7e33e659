import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { AppError, err, ok, type Result } from '#kernel';
import type { AdapterSettings, CategoryQuery } from '../agency-settings.js';
import { type Draft, draftOfNoRow } from '../domain/draft-rules.js';
import type { DraftAdapter, RegisterQuestion } from './draft-adapter.js';

const STATEMENT_TIMEOUT_MS = 5_000;
const DATE_OID = 1082;
const NUMERIC_OID = 1700;
const INT8_OID = 20;

/** Dates as they are written, not as an instant in this process's time zone; whole numbers as numbers. */
const parsers = new pg.TypeOverrides();
parsers.setTypeParser(DATE_OID, (text) => text);
parsers.setTypeParser(NUMERIC_OID, Number);
parsers.setTypeParser(INT8_OID, Number);

type Row = Record<string, unknown>;

/** Fills drafts by one parameterised query per category over the agency's own database, read-only. */
export class SqlAdapter implements DraftAdapter {
  private pool: pg.Pool | undefined;

  constructor(private readonly settings: AdapterSettings) {}

  async fill(question: RegisterQuestion): Promise<Result<ReadonlyMap<number, Draft | undefined>>> {
    try {
      const pool = await this.connect();
      const drafts = new Map<number, Draft | undefined>();
      for (const category of question.categories) {
        const query = this.settings.queries?.[String(category)];
        if (query) drafts.set(category, await this.draft(pool, query, question));
      }
      return ok(drafts);
    } catch (cause) {
      return err(new AppError('ADAPTER_FAILED', undefined, {}, { cause }));
    }
  }

  async close(): Promise<void> {
    await this.pool?.end();
  }

  private async draft(pool: pg.Pool, query: CategoryQuery, question: RegisterQuestion): Promise<Draft> {
    const source = this.settings.source ?? 'register';
    const rows = await readOnly(pool, query, question);
    const [first] = rows;
    if (!first) return draftOfNoRow(this.settings.noRecord === 'told', question.today, source);
    const content =
      query.into === undefined ? mapped(first, query) : { [query.into]: rows.map((row) => mapped(row, query)) };
    return { outcome: 'given', content, asOf: question.today, source };
  }

  private async connect(): Promise<pg.Pool> {
    if (this.pool) return this.pool;
    const connectionString = (await readFile(this.settings.databaseUrlFile ?? '', 'utf8')).trim();
    this.pool = new pg.Pool({
      connectionString,
      max: 4,
      connectionTimeoutMillis: 2_000,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      options: '-c default_transaction_read_only=on',
      types: parsers,
    });
    this.pool.on('error', () => undefined);
    return this.pool;
  }
}

/** The session may only read (`default_transaction_read_only`), whatever the statement tries. */
async function readOnly(pool: pg.Pool, query: CategoryQuery, question: RegisterQuestion): Promise<Row[]> {
  const values = (query.parameters ?? ['identifier']).map((name) => valueOf(name, question));
  return (await pool.query<Row>({ text: query.text, values })).rows;
}

function valueOf(name: CategoryQuery['parameters'][number], { client, request }: RegisterQuestion): string | null {
  switch (name) {
    case 'identifier':
      return client.value;
    case 'identifierType':
      return client.type;
    case 'periodFrom':
      return request.period?.from ?? null;
    case 'periodTo':
      return request.period?.to ?? null;
  }
}

/** What the register leaves empty is left out: a schema says which fields must be there. */
function mapped(row: Row, { fields }: CategoryQuery): Row {
  const pairs =
    fields === undefined
      ? Object.entries(row)
      : Object.entries(fields).map(([field, column]) => [field, row[column]] as const);
  return Object.fromEntries(
    pairs
      .filter(([, value]) => value !== null && value !== undefined)
      .map(([field, value]) => [field, value instanceof Date ? value.toISOString() : value]),
  );
}
