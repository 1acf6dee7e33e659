import { serializeCatalogue } from '#catalogue';
import { type Clock, sha256 } from '#kernel';
import type { Outbox } from '#messaging';
import type { Database } from '#platform';
import type { ReferenceData } from '../domain/reference-records.js';
import { bumpVersion, lockVersion } from '../infra/agencies-store.js';
import { directoryEvent } from '../infra/directory-event.js';

export interface RecordedCatalogue {
  readonly version: number;
  readonly json: string;
}

/** Gives the catalogue of the reference data its version; one that was not in force before becomes a leaf of the log. */
export async function recordCatalogue(
  reference: ReferenceData,
  database: Database,
  outbox: Outbox,
  clock: Clock,
): Promise<RecordedCatalogue> {
  const json = serializeCatalogue(reference.catalogue);
  const hash = sha256(json);
  return database.transaction(async (client) => {
    await lockVersion(client);
    const { rows } = await client.query<{ version: number }>(
      'SELECT version FROM directory.catalogue_version WHERE hash = $1',
      [hash],
    );
    const [known] = rows;
    if (known) return { version: known.version, json };
    const now = clock.now();
    const { rows: newest } = await client.query<{ next: number }>(
      'SELECT coalesce(max(version), 0) + 1 AS next FROM directory.catalogue_version',
    );
    const version = newest[0]!.next;
    const event = directoryEvent({
      type: 'catalogue',
      clear: { type: 'catalogue', version, hash, at: now.toISOString() },
      at: now,
    });
    await client.query(
      'INSERT INTO directory.catalogue_version (version, hash, recorded_at, event_id) VALUES ($1, $2, $3, $4)',
      [version, hash, now, event.eventId],
    );
    await bumpVersion(client);
    await outbox.enqueue(client, [event]);
    return { version, json };
  });
}
