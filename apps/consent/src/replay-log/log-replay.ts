import type { AuditServiceClient, ConsentWord } from '#contracts';
import { disclosersOf, recipientsOf } from '#envelope';
import { AppError, type ConsentId, isAgencyId, isConsentId, isEventId, isPseudonym } from '#kernel';
import type { Database, DirectoryView, GrpcClient, Logger, Queryable } from '#platform';
import { finalStates, type StoredState } from '../domain/consent-state.js';
import { replay } from '../domain/log-words.js';
import { insertActs } from '../infra/acts.js';
import { lockMatters, type Matter, moveConsents, readConsents } from '../infra/consents.js';
import { type LostWord, restorable, restoreAboutPerson, restoreProposal, restoreRecord } from './restore-statement.js';

const EVERY_MS = 60_000;
const RETRY_MS = 1_000;
const PAGE = 500;

export type AuditLog = Pick<GrpcClient<AuditServiceClient>, 'listConsentWords'>;

/** An entry about a consent; others have no id. */
interface Word extends LostWord {
  readonly type: string;
  readonly id: ConsentId | undefined;
  readonly version: number;
}

type ConsentsWord = Word & { readonly id: ConsentId };

/**
 * Compares what is stored with what the log says. A database that was restored from a backup has forgotten consents, links,
 * exclusions, withdrawals, other endings and uses of which the log tells; until all of it has been read again, no permit is signed (design 2, "Basis"). Goes on
 * afterwards, so that what reached the log late is not missed.
 */
export class LogReplay {
  private done = false;
  private timer: NodeJS.Timeout | undefined;
  private round: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly database: Database,
    private readonly audit: AuditLog,
    private readonly directory: DirectoryView,
    private readonly logger: Logger,
  ) {}

  /** Everything that the log says has been seen at least once since the start. */
  get caughtUp(): boolean {
    return this.done;
  }

  /** @throws AppError UNAVAILABLE as long as the log may know of an end that is not stored here */
  assertCaughtUp(): void {
    if (!this.done) throw new AppError('UNAVAILABLE', 'the log has not been read again yet');
  }

  start(): void {
    this.turn();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.round;
  }

  /** Reads to the end of the log. Returns how many entries changed something. */
  async catchUp(): Promise<number> {
    let changed = 0;
    for (let more = true; more && !this.stopped;) {
      const asked = { from: await this.next(), limit: PAGE };
      let page = await this.audit.listConsentWords({ ...asked, withStatements: false });
      if (await this.lacksStatements(page.words.flatMap(wordOf)))
        page = await this.audit.listConsentWords({ ...asked, withStatements: true });
      changed += await this.apply(page.words.flatMap(wordOf), page.next);
      ({ more } = page);
    }
    if (!this.stopped) this.done = true;
    if (changed > 0)
      this.logger.error({ alarm: 'CONSENTS_RESTORED', changed }, 'the log knew of consents what the database did not');
    return changed;
  }

  private turn(): void {
    this.round = this.catchUp().then(
      () => this.again(EVERY_MS),
      (error: unknown) => {
        this.logger.warn({ err: error }, 'the log cannot be read yet');
        this.again(RETRY_MS);
      },
    );
  }

  private again(afterMs: number): void {
    if (!this.stopped) this.timer = setTimeout(() => this.turn(), afterMs);
  }

  private async next(): Promise<bigint> {
    const { rows } = await this.database.query<{ next: string }>({
      name: 'log-position',
      text: 'SELECT next FROM consent.log_position',
    });
    return BigInt(rows[0]?.next ?? 0);
  }

  /** Only a restored database has lost any: else no statement leaves the log. */
  private async lacksStatements(words: readonly Word[]): Promise<boolean> {
    const stated = words.filter(({ type }) => restorable.has(type));
    if (stated.length === 0) return false;
    const known = await knownEvents(this.database, stated);
    return stated.some(({ eventId }) => !known.has(eventId));
  }

  private apply(words: readonly Word[], next: bigint): Promise<number> {
    return this.database.transaction(async (client) => {
      const states = await this.applyStates(
        client,
        words.filter(({ type }) => type !== 'message-released'),
      );
      // Afterwards: a use may be of a consent that has just been brought back.
      const uses = await countUses(
        client,
        words.filter((word): word is ConsentsWord => word.type === 'message-released' && word.id !== undefined),
      );
      await client.query({
        name: 'move-log-position',
        text: 'UPDATE consent.log_position SET next = GREATEST(next, $1)',
        values: [next],
      });
      return uses + states;
    });
  }

  private async applyStates(client: Queryable, words: readonly Word[]): Promise<number> {
    const known = await knownEvents(client, words);
    const unknown = words.filter(({ eventId }) => !known.has(eventId));
    if (unknown.length === 0) return 0;
    const matters = await lockMatters(client, [...new Set(unknown.flatMap(({ id }) => id ?? []))]);
    let changed = 0;
    // One after the other: what is suspended may be resumed. Only a restored database has anything to do here.
    for (const word of unknown) {
      const isNew = isAboutConsent(word)
        ? await this.applyToConsent(client, matters, word)
        : await this.restorePerson(client, word);
      if (isNew) changed += 1;
    }
    return changed;
  }

  private async applyToConsent(
    client: Queryable,
    matters: Map<ConsentId, Matter>,
    word: ConsentsWord,
  ): Promise<boolean> {
    const matter = matters.get(word.id);
    const restore =
      word.type === 'consent-recorded'
        ? restoreRecord
        : word.type === 'consent-requested'
          ? restoreProposal
          : undefined;
    if (restore && (await restore(client, this.directory, word, matter))) {
      const restored = (await lockMatters(client, [word.id])).get(word.id);
      if (restored) matters.set(word.id, restored);
      return true;
    }
    const after = matter ? await this.applyTo(client, matter, word) : undefined;
    if (matter && after) matters.set(word.id, { ...matter, state: after });
    return after !== undefined || (!matter && (await buryLost(client, word)));
  }

  private async restorePerson(client: Queryable, word: Word): Promise<boolean> {
    if (word.type === 'subject-linked') return restoreAboutPerson(client, this.directory, 'subject-link', word);
    if (word.type === 'decider-excluded') return restoreAboutPerson(client, this.directory, 'decider-exclusion', word);
    return false;
  }

  private async applyTo(client: Queryable, matter: Matter, word: ConsentsWord): Promise<StoredState | undefined> {
    const replayed = replay(word, matter);
    switch (replayed.kind) {
      case 'nothing':
        return undefined;
      case 'supersedes': {
        const { rowCount } = await client.query({
          name: 'learn-version',
          text: 'UPDATE consent.consent SET logged_version = $2 WHERE consent_id = $1 AND logged_version < $2',
          values: [word.id, replayed.version],
        });
        return rowCount ? matter.state : undefined;
      }
      case 'moves':
        await insertActs(client, [
          {
            consentId: word.id,
            version: matter.version,
            act: replayed.act,
            state: replayed.to,
            statement: undefined,
            payload: undefined,
            eventId: word.eventId,
            effectiveAt: word.at,
          },
        ]);
        await moveConsents(client, [{ id: word.id, to: replayed.to, at: word.at }]);
        return replayed.to;
    }
  }
}

const isAboutConsent = (word: Word): word is ConsentsWord => word.id !== undefined;

/** Entries of which the tables hold the statement itself, or that it was lost. */
async function knownEvents(client: Queryable, words: readonly Word[]): Promise<ReadonlySet<string>> {
  const { rows } = await client.query<{ eventId: string }>({
    name: 'known-events',
    text: `SELECT given.id AS "eventId"
           FROM unnest($1::text[], $2::uuid[]) AS given (id, consent)
           WHERE EXISTS (SELECT FROM consent.consent_act WHERE (consent_id, event_id) = (consent, given.id))
              OR EXISTS (SELECT FROM consent.consent_version WHERE (consent_id, event_id) = (consent, given.id))
              OR EXISTS (SELECT FROM consent.proposal WHERE (consent_id, event_id) = (consent, given.id))
              OR consent IS NULL AND (
                EXISTS (SELECT FROM consent.subject_link WHERE event_id = given.id)
                OR EXISTS (SELECT FROM consent.decider_exclusion WHERE event_id = given.id)
                OR EXISTS (SELECT FROM consent.lost_statement WHERE event_id = given.id))`,
    values: [words.map(({ eventId }) => eventId), words.map(({ id }) => id ?? null)],
  });
  return new Set(rows.map(({ eventId }) => eventId));
}

/** Disclosures that were released and that the tables have lost: they count, or a consent for one time would hold twice. */
async function countUses(client: Queryable, words: readonly ConsentsWord[]): Promise<number> {
  if (words.length === 0) return 0;
  const consents = await readConsents(client, [...new Set(words.map(({ id }) => id))]);
  const disclosures = words.filter(({ id, source: { sender, recipient } }) => {
    const grants = consents.get(id)?.record.grants;
    // A question by the same consent counts no use: it goes the other way.
    return grants && isAgencyId(sender) && disclosersOf(grants).includes(sender) && isAgencyId(recipient)
      ? recipientsOf(grants).includes(recipient)
      : false;
  });
  const { rowCount } = await client.query({
    name: 'replay-uses',
    text: `INSERT INTO consent.consent_use (consent_id, version, exchange_id, recipient, used_at)
           SELECT consent_id, version, exchange_id, recipient, used_at
           FROM unnest($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::timestamptz[])
                  AS given (consent_id, version, exchange_id, recipient, used_at)
                JOIN consent.consent_version USING (consent_id, version)
           ON CONFLICT DO NOTHING`,
    values: [
      disclosures.map(({ id }) => id),
      disclosures.map(({ version }) => version),
      disclosures.map(({ source }) => source.exchangeId),
      disclosures.map(({ source }) => source.recipient),
      disclosures.map(({ at }) => at),
    ],
  });
  return rowCount ?? 0;
}

/**
 * A consent of which nothing is left, and that has ended: its id is kept, so that its record, when it comes again, does not hold
 * as if nothing had happened.
 */
async function buryLost(client: Queryable, word: ConsentsWord): Promise<boolean> {
  const replayed = replay(word, { state: 'active', version: 0 });
  if (replayed.kind !== 'moves' || !finalStates.includes(replayed.to)) return false;
  const { rowCount } = await client.query({
    name: 'bury-consent',
    text: `INSERT INTO consent.consent (consent_id, version, state, subject, changed_at, ended_at, ends_at)
           VALUES ($1, 0, $2, $3, $4, $4, $4) ON CONFLICT DO NOTHING`,
    values: [word.id, replayed.to, isPseudonym(word.source.subject) ? word.source.subject : '', word.at],
  });
  return rowCount === 1;
}

function wordOf(source: ConsentWord): Word[] {
  const { type, eventId, at, consentId: id, consentVersion: version } = source;
  // What is not of the documented shape is no reason to sign nothing for ever: audit has judged it before it became an entry.
  if (!isEventId(eventId) || !at) return [];
  if (id === '') return [{ type, eventId, at, id: undefined, version, source }];
  return isConsentId(id) ? [{ type, eventId, at, id, version, source }] : [];
}
