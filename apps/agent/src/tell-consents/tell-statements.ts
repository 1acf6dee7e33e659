import { Inject, Injectable } from '@nestjs/common';
import { signStatement, type Statements } from '#envelope';
import { AppError, type Clock, err, ok, type Result } from '#kernel';
import { CLOCK, Database, LOGGER, type Logger, type Queryable } from '#platform';
import type { HubClient } from '../hub-client/hub-client.js';
import { member } from '../hub-client/hub-http.js';
import { ConsentStore } from '../infra/consent-store.js';
import { ProposalStore } from '../infra/proposal-store.js';
import {
  type ConsentStatementKind,
  type KeptStatement,
  StatementStore,
  type StatementToTell,
} from '../infra/statement-store.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

/** Statements taken at a time. */
export const STATEMENT_BATCH = 16;
/** Who signs one tells it at once; after so long the background does, should that process have died. */
const LEFT_TO_SIGNER_MS = 10_000;
const AGAIN_AFTER_MS = 1_000;

/** Brings what was signed about consents to the hub: at once when somebody waits, and again until it has taken it. */
@Injectable()
export class TellStatements {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(StatementStore) private readonly statements: StatementStore,
    @Inject(ConsentStore) private readonly consents: ConsentStore,
    @Inject(ProposalStore) private readonly proposals: ProposalStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws AppError CONSENT_INVALID when no reader would take the statement */
  async sign<T extends ConsentStatementKind>(agency: ServedAgency, kind: T, payload: Statements[T]): Promise<string> {
    return signStatement(kind, payload, agency.signingKey()).catch((cause: unknown) => {
      if (cause instanceof TypeError) throw new AppError('CONSENT_INVALID', cause.message);
      throw cause;
    });
  }

  /** In the transaction of what it belongs to. @returns its number, for `tellNow` after the commit */
  keep(client: Queryable, agency: ServedAgency, statement: StatementToTell): Promise<string> {
    const at = this.clock.now();
    return this.statements.add(client, agency.id, statement, at, new Date(at.getTime() + LEFT_TO_SIGNER_MS));
  }

  /**
   * Tells it, and before it what was signed earlier about the same consent. With the hub away it stays kept and is told
   * later: the statement then is `signed` still.
   *
   * @throws AppError with the hub's reason when it refuses
   */
  async tellNow(agency: ServedAgency, seq: string): Promise<KeptStatement> {
    const kept = await this.statements.find(agency.id, seq);
    if (!kept) throw new Error('a statement that was not kept');
    const related = kept.consentId === null ? [kept] : await this.statements.about(agency.id, kept.consentId);
    const due = related.filter((one) => one.state === 'signed' && BigInt(one.seq) <= BigInt(seq));
    for (const statement of due) {
      const told = await this.tell(agency, statement);
      if (told.ok) continue;
      if (isPassing(told.error)) {
        // Left to the background now instead of when this process should have died.
        const { code } = told.error;
        await this.statements.postpone(seq, code, new Date(this.clock.now().getTime() + AGAIN_AFTER_MS));
        break;
      }
      if (statement.seq === seq) throw told.error;
    }
    return (await this.statements.find(agency.id, seq)) ?? kept;
  }

  async runOnce(agency: ServedAgency): Promise<number> {
    if (agency.onboarding) return 0;
    const waiting = await this.statements.toTell(agency.id, STATEMENT_BATCH);
    let done = 0;
    for (const statement of waiting) {
      if (statement.nextAt > this.clock.now()) return done;
      const told = await this.tell(agency, statement);
      // The hub is away: look again later instead of at once.
      if (!told.ok && isPassing(told.error)) return 0;
      done += 1;
    }
    return done;
  }

  private async tell(agency: ServedAgency, statement: KeptStatement): Promise<Result<unknown>> {
    const answer = await this.post(() => call(agency.hub, statement));
    const at = this.clock.now();
    if (answer.ok) {
      await this.database.transaction(async (client) => {
        await this.statements.told(client, statement.seq, answer.value, at);
        await this.applyTold(client, agency, statement, answer.value);
      });
    } else if (isPassing(answer.error)) {
      await this.statements.postpone(statement.seq, answer.error.code, new Date(at.getTime() + AGAIN_AFTER_MS));
    } else {
      await this.database.transaction(async (client) => {
        await this.statements.refused(client, statement.seq, answer.error.code, at);
        await this.applyRefused(client, agency, statement, answer.error);
      });
    }
    return answer;
  }

  private async applyTold(
    client: Queryable,
    agency: ServedAgency,
    { kind, consentId, version, act }: KeptStatement,
    answer: unknown,
  ): Promise<void> {
    if (consentId === null || !version) return;
    if (kind === 'consent') return this.consents.mark(client, agency.id, consentId, version, 'recorded');
    if (kind !== 'consent-act') return;
    const state = member(answer, 'state');
    const effectiveAt = new Date(String(member(answer, 'effectiveAt')));
    await this.consents.mark(client, agency.id, consentId, version, stateAfter(state, act), {
      ...(Number.isNaN(effectiveAt.getTime()) ? {} : { effectiveAt }),
    });
  }

  private async applyRefused(
    client: Queryable,
    agency: ServedAgency,
    { kind, consentId, version }: KeptStatement,
    { code }: AppError,
  ): Promise<void> {
    if (consentId === null) return;
    if (kind === 'consent-proposal') {
      await this.proposals.close(client, agency.id, consentId, 'refused', code);
    } else if (kind === 'consent' && version) {
      await this.consents.mark(client, agency.id, consentId, version, 'refused', { code });
    } else if (version) {
      await this.consents.actRefused(client, agency.id, consentId, version, code);
    }
  }

  private async post(ask: () => Promise<unknown>): Promise<Result<unknown>> {
    try {
      return ok(await ask());
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      this.logger.warn({ code: error.code, at: this.clock.now().toISOString() }, 'statement not told');
      return err(error);
    }
  }
}

export const isPassing = (error: AppError): boolean => error.status >= 500 || [401, 429].includes(error.status);

function call(hub: HubClient, { kind, token }: KeptStatement): Promise<unknown> {
  switch (kind) {
    case 'consent':
      return hub.recordConsent(token);
    case 'consent-proposal':
      return hub.proposeConsent(token);
    case 'consent-act':
      return hub.actOnConsent(token);
    case 'subject-link':
      return hub.linkSubject(token);
    case 'decider-exclusion':
      return hub.excludeDecider(token);
  }
}

/** The hub's word; where it says nothing, what the act means. */
function stateAfter(state: unknown, act: KeptStatement['act']): string {
  if (state === 'active') return 'recorded';
  if (typeof state === 'string' && state !== '') return state;
  return act === 'withdraw' ? 'withdrawn' : 'recorded';
}
