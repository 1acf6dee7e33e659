import type { NamedRule } from '../domain/alert-rules.js';
import { parseLogBody } from '#envelope';
import { AppError, type Clock, type EventId, type Sha256, isEventId, newEventId, unwrap } from '#kernel';
import type { Database, Logger } from '#platform';
import type { Appender } from '../append-entries/appender.js';
import { entryOfLook, entryOfWord } from '../append-entries/own-entry.js';
import { prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import {
  type BreakGlassAccess,
  type BreakGlassRule,
  type ShownPerson,
  agenciesOf,
  judgeLook,
  judgeOpening,
  judgeReview,
  personsShown,
} from '../domain/break-glass.js';
import type { Caller } from '../domain/caller.js';
import { OneAtATime } from '../erase-entries/one-at-a-time.js';
import type { AgencyKeys } from '../infra/agency-keys.js';
import type { AlertStore } from '../infra/alert-store.js';
import type { BreakGlassStore } from '../infra/break-glass-store.js';
import type { EntryKek } from '../infra/entry-kek.js';
import type { LeafOpenings, ReadOpening } from '../infra/leaf-openings.js';
import { findEntries, indicesLogged } from '../infra/search-store.js';
import type { SignedLook } from '../infra/signed-look.js';
import { signedWord } from '../infra/signed-word.js';
import { alertEndedEvent, alertEvent } from '../raise-alerts/alert-event.js';

export interface BreakGlassContext {
  readonly store: BreakGlassStore;
  readonly alerts: AlertStore;
  readonly rule: BreakGlassRule & NamedRule;
  readonly database: Database;
  readonly openings: Pick<LeafOpenings, 'read'>;
  readonly keys: AgencyKeys;
  readonly kek: EntryKek;
  readonly appender: Appender;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface BreakGlassLook {
  readonly access: BreakGlassAccess;
  readonly entries: readonly ({ readonly leafIndex: number } & ReadOpening)[];
  readonly next: number | undefined;
  readonly lookLeaf: number;
}

const DAY_MS = 24 * 60 * 60 * 1_000;
const mostPerLook = 100;

/**
 * Access to entries of which an agency is no party, in an emergency: with a reason, for a short time, for few entries, under an
 * alert that stays open until a supervising authority has reviewed it (decision 0034). Entries' bodies, never content.
 */
export class BreakGlass {
  private readonly opening = new OneAtATime();
  private lastOpened = 0;

  constructor(private readonly context: BreakGlassContext) {}

  /**
   * The alert stands before anything may be seen. The same statement again is the same access. Errors: those of a statement,
   * FORBIDDEN, MALFORMED, REASON_UNKNOWN, REVIEW_NEEDED, UNAVAILABLE.
   */
  async open(token: string): Promise<BreakGlassAccess> {
    const { store, rule, appender, clock, kek, logger } = this.context;
    const word = await signedWord('break-glass', token, this.context);
    const { agency, worker, scope, reason, matter } = word.payload;
    return this.opening.do(async () => {
      if (!(await store.find(word.hash))) {
        // Two of one worker in one millisecond would be one alert.
        const now = new Date(Math.max(clock.now().getTime(), this.lastOpened + 1));
        this.lastOpened = now.getTime();
        const unreviewed = await store.unreviewed(agency);
        const opened = {
          grant: word.hash,
          agency,
          worker,
          concerned: scope.by === 'agency' ? scope.agency : null,
          subject: scope.by === 'subject' ? scope.subject : null,
          reason,
          matter,
          openedAt: now,
          endsAt: unwrap(judgeOpening(rule, word.payload, { unreviewed, now })),
          mostEntries: rule.mostEntries,
          alert: newEventId(),
        };
        const told = { alert: opened.alert, rule: rule.id, agency, at: now, look: '/v1/audit/break-glass' };
        await store.open(opened, rule, alertEvent(told));
        logger.warn(
          { agency, reason, alert: opened.alert, endsAt: opened.endsAt },
          'the log is opened in an emergency',
        );
      }
      const access = await this.find(word.hash);
      if (access.logged) return access;
      const about = {
        ...(access.concerned !== null && { recipient: access.concerned }),
        ...(access.subject !== null && { subjects: [access.subject] }),
      };
      const told = { kek, at: access.openedAt, purpose: reason, ...about };
      await appender.append(
        plainProposal([entryOfWord('break-glass-opened', word, told, 'break-glass'), this.alertEntry(access)]),
      );
      await store.logged(word.hash);
      return this.find(word.hash);
    });
  }

  /**
   * What is shown is used up and logged first, with the reason, in the chains of all whose entries they are: of each agency by the
   * entry of the look, of each person by an entry of that person's own, in the same batch. Errors: NOT_FOUND, FORBIDDEN,
   * ACCESS_ENDED, UNAVAILABLE.
   */
  async look(
    asked: SignedLook,
    { grant, from, limit }: { readonly grant: string; readonly from: number; readonly limit: number },
  ): Promise<BreakGlassLook> {
    const { store, rule, database, openings, appender, kek, clock, logger } = this.context;
    const { caller } = asked;
    const access = await store.find(grant);
    if (!access || access.agency !== caller.agency) throw new AppError('NOT_FOUND');
    const left = unwrap(judgeLook(access, caller, clock.now()));
    const { concerned, subject, reason } = access;
    const filter = { ...(concerned !== null && { agency: concerned }), ...(subject !== null && { subject }) };
    const since = new Date(access.openedAt.getTime() - rule.lookbackDays * DAY_MS);
    const range = await indicesLogged(database, { from: since });
    const { leaves, next } = await findEntries(database, {
      filter,
      own: undefined,
      from: Math.max(from, range.first),
      end: range.end,
      limit: Math.min(Math.max(limit || mostPerLook, 1), mostPerLook, left),
    });
    const shown = await store.concernedBy(leaves);
    const told = agenciesOf(shown, caller.agency);
    const at = clock.now();
    if (!(await store.take(access.grant, { entries: leaves.length, told, at }))) throw new AppError('ACCESS_ENDED');
    const entry = entryOfLook(
      { ...asked, caller: { ...caller, supervising: true } },
      {
        type: 'break-glass-used',
        query: { from: String(from) },
        evidence: { 'break-glass': access.grant },
        found: leaves,
        purpose: reason,
        told: concerned === null ? told : [...new Set([concerned, ...told])],
        ...(subject !== null && { subjects: [subject] }),
      },
      { kek, at },
    );
    const persons = personsShown(shown, access).map((person) => this.personEntry(asked, access, person, at));
    const [lookLeaf] = (await appender.append(plainProposal([entry, ...persons]))).leaves;
    if (lookLeaf === undefined) throw new Error('a look without a leaf');
    const found = await openings.read(shown.map(({ leafIndex }) => leafIndex));
    const subjectsOf = new Map(shown.map(({ leafIndex, subjects }) => [leafIndex, subjects]));
    return {
      access: await this.find(access.grant),
      entries: leaves.flatMap((leafIndex) => {
        const opening = found.get(leafIndex);
        if (!opening) return [];
        const { subjects = [] } = unwrap(parseLogBody(JSON.parse(opening.body)));
        // The index could lack a person; the body cannot. Nobody is shown whose entry does not stand.
        if (subjects.every((one) => one === subject || subjectsOf.get(leafIndex)?.includes(one)))
          return [{ leafIndex, ...opening }];
        logger.error({ leafIndex }, 'the index names other persons than the body of this entry, which is not shown');
        return [];
      }),
      next,
      lookLeaf,
    };
  }

  /**
   * Ends the access, if it has not ended, and the alert. What was stopped between the two is ended by a review again. Errors: those
   * of a statement, NOT_FOUND, SAME_HAND, FORBIDDEN, CONFLICT (reviewed), UNAVAILABLE.
   */
  async review(token: string): Promise<BreakGlassAccess> {
    const { store, alerts, appender, clock, kek } = this.context;
    const word = await signedWord('break-glass-review', token, this.context);
    const { agency, grant, finding } = word.payload;
    return this.opening.do(async () => {
      const access = await this.find(grant);
      unwrap(judgeReview(access, agency));
      if ((await alerts.find(access.alert))?.state === 'closed') throw new AppError('CONFLICT');
      const at = clock.now();
      await store.review(grant, { by: agency, at, finding }, alertEndedEvent(access.alert));
      const told = [access.agency, ...(access.concerned === null ? [] : [access.concerned]), ...access.told];
      const reviewed = { kek, at, purpose: finding, told };
      await appender.append(plainProposal([entryOfWord('break-glass-reviewed', word, reviewed, 'break-glass-review')]));
      await alerts.act({ id: access.alert, state: 'closed', by: agency, at, reason: finding });
      return this.find(grant);
    });
  }

  /** All for a supervising authority; for others their own, and those by which their entries were opened. */
  list({ agency, supervising }: Caller): Promise<BreakGlassAccess[]> {
    return this.context.store.list(supervising ? undefined : agency);
  }

  private async find(grant: Sha256): Promise<BreakGlassAccess> {
    const found = await this.context.store.find(grant);
    if (!found) throw new AppError('NOT_FOUND');
    return found;
  }

  /**
   * One person's entries were shown: an entry of its own, so that it names nobody else and is found by those alone who know of the
   * person from the entries that were shown. Its id is random: one that followed from the person could be tried out.
   */
  private personEntry(
    { caller, hash }: SignedLook,
    { grant, reason }: BreakGlassAccess,
    { subject, leaves, told }: ShownPerson,
    at: Date,
  ) {
    const body = {
      v: 1,
      eventId: newEventId(),
      type: 'break-glass-shown',
      at: at.toISOString(),
      actor: { agency: caller.agency, ...(caller.worker !== undefined && { worker: caller.worker }) },
      subjects: [subject],
      purpose: reason,
      evidence: { 'break-glass': grant, 'audit-look': hash },
      search: { scope: 'all', query: {}, found: leaves.length, first: leaves[0], last: leaves.at(-1) },
      assertedBy: 'hub',
    };
    return prepareOpaque(unwrap(parseLogBody(body)), this.context.kek, { told });
  }

  /** Under the alert's own id, so that it has one leaf however often this is tried. */
  private alertEntry({ alert, agency, worker, concerned, openedAt }: BreakGlassAccess) {
    const { rule, kek } = this.context;
    const body = {
      v: 1,
      eventId: idOf(alert),
      type: 'alert-raised',
      at: openedAt.toISOString(),
      actor: { agency, worker },
      ...(concerned !== null && { recipient: concerned }),
      purpose: rule.id,
      assertedBy: 'hub',
    };
    return prepareOpaque(unwrap(parseLogBody(body)), kek);
  }
}

function idOf(alert: string): EventId {
  if (!isEventId(alert)) throw new Error('an alert is named by an event id');
  return alert;
}
