import {
  type CommittedBody,
  type EntryEvidence,
  decodeEntry,
  openCommittedBody,
  openCommittedText,
  openEvidence,
} from '#envelope';
import type { Result } from '#kernel';
import type { Logger } from '#platform';
import type { LeafOpening } from '../append-entries/prepared-entry.js';
import type { EntryKek } from './entry-kek.js';
import { type Queryable, type SealedOpening, sealedEvidence, sealedOpenings } from './log-store.js';

/** An opening with what the leaf says of the entry's places, which is no secret; empty where it is older than those. */
export interface ReadOpening extends LeafOpening {
  readonly places: Buffer;
}

/**
 * Opens stored bodies. One that does not open, or is not the one to which its leaf commits, is reported and left out, as an
 * erased one is.
 */
export class LeafOpenings {
  constructor(
    private readonly client: Queryable,
    private readonly kek: EntryKek,
    private readonly logger: Logger,
  ) {}

  async read(leaves: readonly number[]): Promise<Map<number, ReadOpening>> {
    const openings = new Map<number, ReadOpening>();
    const shut = await this.openInto(openings, leaves);
    // The secret was wrapped anew between the read and here, and the key that wrapped it before is gone.
    const still = shut.length === 0 ? [] : await this.openInto(openings, shut);
    for (const leafIndex of still) this.logger.error({ leafIndex }, 'the body of this entry does not open');
    return openings;
  }

  /** Bodies to which their leaves commit; what does not open, or is another one, is left out, as an erased one is. */
  async committed(sealed: readonly SealedOpening[]): Promise<Map<number, CommittedBody>> {
    const bodies = new Map<number, CommittedBody>();
    const shut = this.committedInto(bodies, sealed);
    // As above.
    if (shut.length > 0) this.committedInto(bodies, await sealedOpenings(this.client, shut));
    return bodies;
  }

  private committedInto(bodies: Map<number, CommittedBody>, sealed: readonly SealedOpening[]): number[] {
    return this.openEach(sealed, openCommittedBody, ({ leafIndex }, body) => bodies.set(leafIndex, body));
  }

  /** The signed statements kept with these entries; none for an entry without, and none that does not open. */
  async evidence(leaves: readonly number[]): Promise<Map<number, EntryEvidence>> {
    const evidence = new Map<number, EntryEvidence>();
    for (const { leafIndex, sealed, wrapped, kek } of await sealedEvidence(this.client, leaves)) {
      const secret = this.kek.unwrap(wrapped, kek);
      const opened = secret.ok ? openEvidence(sealed, secret.value) : secret;
      if (opened.ok) evidence.set(leafIndex, opened.value);
      else this.logger.error({ leafIndex }, 'the evidence of this entry does not open');
    }
    return evidence;
  }

  /** Gives those that do not open. */
  private async openInto(openings: Map<number, ReadOpening>, leaves: readonly number[]): Promise<number[]> {
    const sealed = await sealedOpenings(this.client, leaves);
    return this.openEach(sealed, openCommittedText, ({ leafIndex, places }, { canonical, commitmentKey }) =>
      openings.set(leafIndex, { body: canonical.toString('utf8'), commitmentKey, places }),
    );
  }

  /** Gives those that do not open, or are not what their leaves commit to. */
  private openEach<T>(
    all: readonly SealedOpening[],
    open: (body: Buffer, secret: Buffer, commitment: Buffer) => Result<T>,
    take: (of: { readonly leafIndex: number; readonly places: Buffer }, opened: T) => unknown,
  ): number[] {
    const shut: number[] = [];
    const secrets = this.kek.unwrapAll(all);
    for (const [at, { leafIndex, entry, body }] of all.entries()) {
      const secret = secrets[at];
      const leaf = decodeEntry(entry);
      const opaque = leaf.ok && leaf.value.kind === 'opaque' ? leaf.value : undefined;
      const opened = secret && opaque ? open(body, secret, opaque.commitment) : undefined;
      if (opened?.ok) take({ leafIndex, places: opaque?.places ?? Buffer.alloc(0) }, opened.value);
      else shut.push(leafIndex);
    }
    return shut;
  }
}
