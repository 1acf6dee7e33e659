import pg from 'pg';
import type { TestPerson } from './people.js';

/** What the county's register holds of one client; read again at the end to compare with what the asker opened. */
export interface CountyClient {
  readonly person: TestPerson;
  readonly ownWorker: string;
  readonly unit: string;
  readonly phone: string;
  readonly services: readonly string[];
  readonly limit: { readonly text: string; readonly until: string };
  readonly interpreterLanguage: string;
}

const READER = 'county_register_reader';

/** The client register of the wellbeing services county: a database of its own, with a role for the agent that may only read. */
export class CountyRegister {
  private constructor(
    /** Connection string of the reading role. */
    readonly readerUrl: string,
    private readonly url: string,
  ) {}

  static async create(administratorUrl: string): Promise<CountyRegister> {
    const database = 'county_register';
    const administrator = new pg.Client({ connectionString: administratorUrl });
    await administrator.connect();
    try {
      const there = await administrator.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
      if (there.rowCount === 0) await administrator.query(`CREATE DATABASE ${database}`);
      const role = await administrator.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [READER]);
      const password = new URL(administratorUrl).password.slice(0, 24);
      await administrator.query(
        `${role.rowCount === 0 ? 'CREATE' : 'ALTER'} ROLE ${READER} LOGIN PASSWORD '${password}'`,
      );
      const url = Object.assign(new URL(administratorUrl), { pathname: `/${database}` });
      const readerUrl = Object.assign(new URL(url), { username: READER, password });
      const register = new CountyRegister(readerUrl.toString(), url.toString());
      await register.run(`
        CREATE TABLE IF NOT EXISTS client (
          identity_code text PRIMARY KEY, name text NOT NULL,
          own_worker text NOT NULL, unit text NOT NULL, phone text NOT NULL, interpreter_language text
        );
        CREATE TABLE IF NOT EXISTS agreed_service (
          identity_code text NOT NULL REFERENCES client, title text NOT NULL, PRIMARY KEY (identity_code, title)
        );
        CREATE TABLE IF NOT EXISTS practical_limit (
          identity_code text NOT NULL REFERENCES client, text text NOT NULL, valid_until date NOT NULL, PRIMARY KEY (identity_code, text)
        );
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${READER};`);
      return register;
    } finally {
      await administrator.end();
    }
  }

  async put(clients: readonly CountyClient[]): Promise<void> {
    const column = <T>(of: (client: CountyClient) => T): T[] => clients.map(of);
    await this.run(
      `INSERT INTO client SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[]) ON CONFLICT DO NOTHING`,
      [
        column(({ person }) => person.identityCode),
        column(({ person }) => person.name),
        column(({ ownWorker }) => ownWorker),
        column(({ unit }) => unit),
        column(({ phone }) => phone),
        column(({ interpreterLanguage }) => interpreterLanguage),
      ],
    );
    const services = clients.flatMap(({ person, services: titles }) =>
      titles.map((title) => [person.identityCode, title] as const),
    );
    await this.run(`INSERT INTO agreed_service SELECT * FROM unnest($1::text[], $2::text[]) ON CONFLICT DO NOTHING`, [
      services.map(([code]) => code),
      services.map(([, title]) => title),
    ]);
    await this.run(
      `INSERT INTO practical_limit SELECT * FROM unnest($1::text[], $2::text[], $3::date[]) ON CONFLICT DO NOTHING`,
      [
        column(({ person }) => person.identityCode),
        column(({ limit }) => limit.text),
        column(({ limit }) => limit.until),
      ],
    );
  }

  private async run(text: string, values?: unknown[]): Promise<void> {
    const client = new pg.Client({ connectionString: this.url });
    await client.connect();
    try {
      await client.query(text, values);
    } finally {
      await client.end();
    }
  }
}

/** The agent's queries: one parameterised statement per category, columns named as the category's fields. */
export const countyQueries = {
  '11': {
    text: `SELECT true AS "client", own_worker AS "ownWorker", unit, phone,
                  (SELECT coalesce(array_agg(title ORDER BY title), '{}') FROM agreed_service s WHERE s.identity_code = c.identity_code) AS "agreedServices"
           FROM client c WHERE identity_code = $1`,
    parameters: ['identifier'],
  },
  '12': {
    text: `SELECT (SELECT json_agg(json_build_object('limit', text, 'until', valid_until) ORDER BY text)
                   FROM practical_limit l WHERE l.identity_code = c.identity_code) AS "practicalLimits",
                  interpreter_language IS NOT NULL AS "interpreterNeeded", interpreter_language AS "interpretingLanguage"
           FROM client c WHERE identity_code = $1`,
    parameters: ['identifier'],
  },
} as const;

/** The same as category content, made by the demo from its own data, so that the comparison does not use the agent's query. */
export const countyContentOf = (client: CountyClient): Record<'11' | '12', Record<string, unknown>> => ({
  '11': {
    client: true,
    ownWorker: client.ownWorker,
    unit: client.unit,
    phone: client.phone,
    agreedServices: [...client.services].sort(),
  },
  '12': {
    practicalLimits: [{ limit: client.limit.text, until: client.limit.until }],
    interpreterNeeded: true,
    interpretingLanguage: client.interpreterLanguage,
  },
});
