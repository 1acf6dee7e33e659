import { Inject, Injectable } from '@nestjs/common';
import type { AgencyId, Pseudonym } from '#kernel';
import { Database, type Queryable } from '#platform';

/**
 * Clients with a turvakielto (non-disclosure for personal safety), as far as an agency knows. Few among many: kept in
 * memory, so that nothing is asked per message.
 */
@Injectable()
export class ProtectedSubjects {
  private readonly known = new Map<AgencyId, Set<Pseudonym>>();

  constructor(@Inject(Database) private readonly database: Database) {}

  async among(agency: AgencyId, subjects: readonly Pseudonym[]): Promise<ReadonlySet<Pseudonym>> {
    const known = await this.all(agency);
    return new Set(subjects.filter((subject) => known.has(subject)));
  }

  async set(client: Queryable, agency: AgencyId, subject: Pseudonym, isProtected: boolean, at: Date): Promise<void> {
    const known = await this.all(agency);
    await client.query({
      name: isProtected ? 'protect-subject' : 'unprotect-subject',
      text: isProtected
        ? `INSERT INTO protected_subjects (agency, subject, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
        : `DELETE FROM protected_subjects WHERE agency = $1 AND subject = $2 AND since <= $3`,
      values: [agency, subject, at],
    });
    if (isProtected) known.add(subject);
    else known.delete(subject);
  }

  private async all(agency: AgencyId): Promise<Set<Pseudonym>> {
    const known = this.known.get(agency);
    if (known) return known;
    const { rows } = await this.database.query<{ subject: Pseudonym }>({
      name: 'protected-subjects',
      text: 'SELECT subject FROM protected_subjects WHERE agency = $1',
      values: [agency],
    });
    const read = this.known.get(agency) ?? new Set<Pseudonym>();
    for (const { subject } of rows) read.add(subject);
    this.known.set(agency, read);
    return read;
  }
}
