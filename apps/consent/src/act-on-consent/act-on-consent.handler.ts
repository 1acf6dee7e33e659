import { Inject, Injectable } from '@nestjs/common';
import { partiesOf, statementHash } from '#envelope';
import { type AgencyId, AppError, type Clock, type EventId, unwrap } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database, type DirectoryView, DirectoryWatch, type Queryable } from '#platform';
import { judgeAct } from '../domain/act-rules.js';
import type { StoredState } from '../domain/consent-state.js';
import type { ConsentUse } from '../domain/decide-basis.js';
import { findAct, insertActs, readActs, type StoredAct } from '../infra/acts.js';
import { assertFresh, verifyByAgency } from '../infra/agency-statement.js';
import { consentEvent } from '../infra/consent-event.js';
import { lockMatters, type Matter, moveConsents, readUses } from '../infra/consents.js';
import { excludedDeciders } from '../infra/subjects.js';

export interface ActedOnConsent {
  readonly effectiveAt: Date;
  readonly eventId: EventId;
  readonly state: StoredState;
  /** What had been opened on it before: it cannot be recalled. */
  readonly uses: readonly ConsentUse[];
}

@Injectable()
export class ActOnConsent {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DirectoryWatch) private readonly directory: DirectoryView,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * An act about a consent or a proposal, told by an agency that is a party: a person's through any of them, without a
   * reason. Answered after the commit: what ends or stops holds for every permit that is signed later. The same act again,
   * or one that changes nothing, is answered as before.
   *
   * @throws AppError as `verifyByAgency` and `judgeAct`; NOT_FOUND (unknown, or the agency is no party), CONFLICT (the jti
   * was used for another act)
   */
  async act(agency: AgencyId, token: string): Promise<ActedOnConsent> {
    const act = await verifyByAgency(
      { directory: this.directory, clock: this.clock },
      'consent-act',
      token,
      agency,
      // What a person says at an agency that is suspended is the person's word all the same.
      { signerOf: (payload) => payload.agency, suspendedMay: true },
    );
    assertFresh(act, this.clock.now());
    const acted = await this.database.transaction(async (client) => {
      const matter = (await lockMatters(client, [act.consentId])).get(act.consentId);
      if (!matter || !partiesOf(matter.terms).includes(agency)) throw new AppError('NOT_FOUND');
      const uses = await readUses(client, [matter.id]);
      const repeated = await findAct(client, agency, act.jti);
      if (repeated) {
        if (repeated.statement === undefined || statementHash(repeated.statement) !== statementHash(token))
          throw new AppError('CONFLICT', 'the jti was used for another act');
        return { ...answerOf(repeated), uses };
      }
      if (act.by === 'authority' && this.directory.agency(agency)?.status !== 'active')
        throw new AppError('AGENCY_NOT_ONBOARDED');
      const acts = await readActs(client, [matter.id]);
      const excluded = await excludedDeciders(client, [matter.terms.subject]);
      const verdict = unwrap(judgeAct(act, { ...matter, acts, excluded }));
      if (verdict.kind === 'as-before') return { ...asBefore(matter, acts), uses };
      const now = this.clock.now();
      const event = consentEvent({
        type: verdict.event,
        terms: matter.terms,
        version: matter.version,
        state: verdict.to,
        actor: { agency, worker: act.worker },
        at: now,
        evidence: { kind: 'consent-act', token },
      });
      const stored: StoredAct = {
        consentId: matter.id,
        version: matter.version,
        act: act.act,
        state: verdict.to,
        statement: token,
        payload: act,
        eventId: event.eventId,
        effectiveAt: now,
      };
      await this.keep(client, stored);
      await this.outbox.enqueue(client, [event]);
      return { ...answerOf(stored), uses };
    });
    this.relay.wake();
    return acted;
  }

  private async keep(client: Queryable, stored: StoredAct): Promise<void> {
    await insertActs(client, [stored]);
    await moveConsents(client, [
      {
        id: stored.consentId,
        to: stored.state,
        at: stored.effectiveAt,
        mandateVerified: stored.act === 'verify-mandate',
      },
    ]);
  }
}

const answerOf = ({ effectiveAt, eventId, state }: StoredAct): Omit<ActedOnConsent, 'uses'> => ({
  effectiveAt,
  eventId,
  state,
});

/** By what it came to be as it is: the last act, else the record or the proposal. */
function asBefore({ state, consent, proposal }: Matter, acts: readonly StoredAct[]): Omit<ActedOnConsent, 'uses'> {
  const last = acts.at(-1);
  if (last?.state === state) return answerOf(last);
  if (consent) return { effectiveAt: consent.recordedAt, eventId: consent.recordEventId, state };
  if (proposal) return { effectiveAt: proposal.recordedAt, eventId: proposal.eventId, state };
  throw new Error('a consent without record and proposal');
}
