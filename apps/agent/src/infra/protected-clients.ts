import { Inject, Injectable } from '@nestjs/common';
import { normaliseIdentifier, type SubjectIdentity } from '#envelope';
import type { AgencyId } from '#kernel';
import { Database, type Queryable } from '#platform';

/** By the identifier and not by the pseudonym: a new pseudonym key must not take the protection away. */
type Identifier = Pick<SubjectIdentity, 'type' | 'value'>;

/**
 * Clients with a turvakielto (non-disclosure for personal safety), as far as an agency knows. Few among many: kept in
 * memory, so that nothing is asked per message.
 */
@Injectable()
export class ProtectedClients {
  private readonly known = new Map<AgencyId, Set<string>>();

  constructor(@Inject(Database) private readonly database: Database) {}

  async among<T extends Identifier>(agency: AgencyId, subjects: readonly T[]): Promise<T[]> {
    const known = await this.all(agency);
    return subjects.filter((subject) => known.has(nameOf(subject)));
  }

  /** @throws AppError IDENTITY_CODE_INVALID */
  async set(client: Queryable, agency: AgencyId, who: Identifier, isProtected: boolean, at: Date): Promise<void> {
    const known = await this.all(agency);
    const name = nameOf(who);
    await client.query({
      name: isProtected ? 'client-protect' : 'client-unprotect',
      text: isProtected
        ? `INSERT INTO protected_clients (agency, client, since) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
        : `DELETE FROM protected_clients WHERE agency = $1 AND client = $2 AND since <= $3`,
      values: [agency, name, at],
    });
    if (isProtected) known.add(name);
    else known.delete(name);
  }

  private async all(agency: AgencyId): Promise<Set<string>> {
    const known = this.known.get(agency);
    if (known) return known;
    const { rows } = await this.database.query<{ client: string }>({
      name: 'clients-protected',
      text: 'SELECT client FROM protected_clients WHERE agency = $1',
      values: [agency],
    });
    const read = this.known.get(agency) ?? new Set<string>();
    for (const { client } of rows) read.add(client);
    this.known.set(agency, read);
    return read;
  }
}

function nameOf({ type, value }: Identifier): string {
  const normalised = normaliseIdentifier(type, value);
  if (!normalised.ok) throw normalised.error;
  return `${type} ${normalised.value}`;
}
