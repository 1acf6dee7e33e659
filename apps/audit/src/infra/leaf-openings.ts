import { commitmentKeyOf, openBody, sealingKeyOf } from '#envelope';
import { canonicalJson } from '#kernel';
import type { Logger } from '#platform';
import type { LeafOpening } from '../append-entries/prepared-entry.js';
import type { EntryKek } from './entry-kek.js';
import { type Queryable, sealedOpenings } from './log-store.js';

/** Opens stored bodies. A body that does not open is reported and left out, as an erased one is. */
export class LeafOpenings {
  constructor(
    private readonly client: Queryable,
    private readonly kek: EntryKek,
    private readonly logger: Logger,
  ) {}

  async read(leaves: readonly number[]): Promise<Map<number, LeafOpening>> {
    const openings = new Map<number, LeafOpening>();
    for (const { leafIndex, body, wrapped } of await sealedOpenings(this.client, leaves)) {
      const secret = this.kek.unwrap(wrapped);
      const opened = secret.ok ? openBody(body, sealingKeyOf(secret.value)) : secret;
      if (!secret.ok || !opened.ok) {
        this.logger.error({ leafIndex }, 'the body of this entry does not open');
        continue;
      }
      openings.set(leafIndex, { body: canonicalJson(opened.value), commitmentKey: commitmentKeyOf(secret.value) });
    }
    return openings;
  }
}
