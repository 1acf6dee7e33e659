import { Inject, Injectable } from '@nestjs/common';
import { joinedWith, type JoinedPseudonyms } from '#envelope';
import type { AgencyId, Pseudonym } from '#kernel';
import { Database, type Queryable } from '#platform';
import type { ClientIdentity } from '../send-message/seal-outgoing.js';

/** A link that this agency told, by pseudonym and in plain. */
export interface KeptLink extends JoinedPseudonyms {
  readonly client: ClientIdentity;
  /** The same person by the earlier number. */
  readonly former: ClientIdentity;
}

/** Links between numbers that this agency told the hub. */
@Injectable()
export class LinkStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** @param statement number of the signed statement */
  async add(client: Queryable, agency: AgencyId, link: KeptLink, statement: string, at: Date): Promise<void> {
    const { subject, earlier, client: whom, former } = link;
    await client.query({
      name: 'link-add',
      text: `INSERT INTO subject_links (agency, subject, earlier, client, former, statement, linked_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7)
             ON CONFLICT (agency, subject, earlier) DO UPDATE SET statement = EXCLUDED.statement`,
      values: [agency, subject, earlier, JSON.stringify(whom), JSON.stringify(former), statement, at],
    });
  }

  /** A person's numbers as far as this agency's own links join them. */
  async numbersOf(agency: AgencyId, person: Pseudonym): Promise<Pseudonym[]> {
    return [...joinedWith(person, await this.among(agency, [person]))];
  }

  /** All of the agency's own links that reach these persons, over however many; without those that the hub refused. */
  async among(agency: AgencyId, persons: readonly Pseudonym[]): Promise<JoinedPseudonyms[]> {
    const { rows } = await this.database.query<JoinedPseudonyms & Record<string, unknown>>({
      name: 'links-among',
      text: `WITH RECURSIVE held AS (
               SELECT subject, earlier FROM subject_links JOIN consent_statements ON seq = statement
               WHERE subject_links.agency = $1 AND state <> 'refused'
             ), person (pseudonym) AS (
               SELECT unnest($2::text[])
               UNION
               SELECT CASE pseudonym WHEN subject THEN earlier ELSE subject END
               FROM person JOIN held ON pseudonym IN (subject, earlier)
             )
             SELECT subject, earlier FROM held JOIN person ON subject = pseudonym`,
      values: [agency, persons],
    });
    return rows;
  }

  /** Those that were told under another version of the pseudonym key and not yet, or in vain, under this one. */
  async toRepeat(agency: AgencyId, version: number, limit: number): Promise<KeptLink[]> {
    const { rows } = await this.database.query<KeptLink & Record<string, unknown>>({
      name: 'links-to-repeat',
      text: `SELECT DISTINCT ON (client, former) subject, earlier, client, former FROM subject_links AS said
             JOIN consent_statements ON seq = statement
             WHERE said.agency = $1 AND state = 'told' AND NOT EXISTS (
               SELECT FROM subject_links AS again JOIN consent_statements AS told ON told.seq = again.statement
               WHERE again.agency = $1 AND again.client = said.client AND again.former = said.former
                 AND again.subject LIKE 'p' || $2::text || '.%' AND told.state <> 'refused')
             LIMIT $3`,
      values: [agency, version, limit],
    });
    return rows;
  }
}
