import { parseLogBody } from '#envelope';
import { AppError, type Clock, newEventId, unwrap } from '#kernel';
import type { Appender } from '../append-entries/appender.js';
import { entryOfWord } from '../append-entries/own-entry.js';
import { prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { type Caller, isSupervising } from '../domain/caller.js';
import {
  type AlertRule,
  type AlertRules,
  type AlertWindow,
  type NamedRule,
  afterAct,
  ruleNamed,
  windowsAt,
} from '../domain/alert-rules.js';
import type { AgencyKeys } from '../infra/agency-keys.js';
import type { AlertStore, Measured, StoredAlert } from '../infra/alert-store.js';
import type { EntryKek } from '../infra/entry-kek.js';
import { signedWord } from '../infra/signed-word.js';

export interface AlertContext {
  readonly store: AlertStore;
  readonly rules: AlertRules;
  readonly keys: AgencyKeys;
  readonly kek: EntryKek;
  readonly appender: Appender;
  readonly clock: Clock;
}

/** Alerts on unusual access. Raising one and ending it stand in the log, where the agency finds them among its entries. */
export class Alerts {
  constructor(private readonly context: AlertContext) {}

  /** Looks by every rule at the present window and the one before. An alert is raised once, however often it is looked. */
  async look(): Promise<void> {
    const { store, rules, clock } = this.context;
    for (const rule of rules.rules) {
      for (const window of windowsAt(clock.now(), rule))
        for (const measured of await store.measure(rule, window, rules.timeZone))
          await this.raise(rule, window, measured);
    }
  }

  /** All for a supervising authority; for others those about their own workers and systems, or about access to their entries. */
  list({ agency, supervising }: Caller, options: { readonly closed: boolean }): Promise<StoredAlert[]> {
    return this.context.store.list({ ...options, ...(!supervising && { agency }) });
  }

  /** None where the rules have it no more. */
  ruleOf({ rule }: Pick<StoredAlert, 'rule'>): NamedRule | undefined {
    return ruleNamed(this.context.rules, rule);
  }

  /**
   * Errors: those of a statement, NOT_FOUND, FORBIDDEN (not its owner), CONFLICT (closed, or acknowledged already), REVIEW_NEEDED
   * (an access in an emergency ends by its review).
   */
  async act(token: string): Promise<StoredAlert> {
    const { store, rules, appender, clock, kek } = this.context;
    const word = await signedWord('alert-act', token, this.context);
    const { agency, alert: id, act, reason } = word.payload;
    const alert = await store.find(id);
    if (!alert) throw new AppError('NOT_FOUND');
    if (!isSupervising(agency) && (alert.owner !== 'agency' || alert.agency !== agency))
      throw new AppError('FORBIDDEN');
    if (act === 'close' && ruleNamed(rules, alert.rule)?.end === 'review') throw new AppError('REVIEW_NEEDED');
    const state = afterAct(alert.state, act);
    if (state === undefined) throw new AppError('CONFLICT');
    const at = clock.now();
    const type = act === 'close' ? 'alert-closed' : 'alert-acknowledged';
    await appender.append(plainProposal([entryOfWord(type, word, { kek, at, purpose: reason }, 'alert-act')]));
    await store.act({ id, state, by: agency, at, reason });
    const acted = await store.find(id);
    if (!acted) throw new AppError('NOT_FOUND');
    return acted;
  }

  /** The leaf's id is random: what follows from an agency and an hour could be guessed. */
  private async raise(rule: AlertRule, window: AlertWindow, measured: Measured): Promise<void> {
    const { store, appender, clock, kek } = this.context;
    const raisedAt = clock.now();
    const { id, logged } = await store.raise({
      ...measured,
      id: newEventId(),
      rule: rule.id,
      owner: rule.owner,
      threshold: rule.threshold,
      windowFrom: window.from,
      windowTo: window.to,
      raisedAt,
    });
    if (logged) return;
    const { agency, worker } = measured;
    const body = {
      v: 1,
      eventId: id,
      type: 'alert-raised',
      at: raisedAt.toISOString(),
      actor: { agency, ...(worker !== null && { worker }) },
      purpose: rule.id,
      assertedBy: 'hub',
    };
    await appender.append(plainProposal([prepareOpaque(unwrap(parseLogBody(body)), kek)]));
    await store.logged(id);
  }
}
