import {
  type ConsentAct,
  type ConsentProposal,
  type ConsentRecord,
  disclosersOf,
  type ExcludedDeciders,
} from '#envelope';
import { AppError, err, ok, type Result } from '#kernel';
import { type Actor, type StoredState, eventOf, finalStates, mayHappen, transitions } from './consent-state.js';

/** An act of the past, as far as later ones look at it. Undefined: the hub's own. */
export interface PastAct {
  readonly version: number;
  readonly payload: Pick<ConsentAct, 'act' | 'by' | 'decider' | 'agency'> | undefined;
}

/** What is acted upon: a consent, or a proposal. */
export interface ActedUpon {
  readonly state: StoredState;
  /** 0 of a proposal. */
  readonly version: number;
  readonly terms: ConsentRecord | ConsentProposal;
  /** Oldest first. */
  readonly acts: readonly PastAct[];
  /** Who may not decide for this subject. */
  readonly excluded: ExcludedDeciders;
}

export type ActVerdict =
  | { readonly kind: 'moves'; readonly to: StoredState; readonly event: string }
  /** It is so already: nothing happens, and the answer is that of before. */
  | { readonly kind: 'as-before' };

/** Acts that open something. Who may not decide may still close: less is disclosed then. */
const opens: ReadonlySet<ConsentAct['act']> = new Set(['resume']);
/** Acts of an authority that a reader of the log must be able to understand. */
const needsReason: ReadonlySet<ConsentAct['act']> = new Set(['suspend', 'revoke', 'invalidate']);

/**
 * May this act happen, and what follows? Its signature has been verified, and that the agency is a party.
 *
 * Errors: FORBIDDEN (another's act), DECIDER_NOT_ENTITLED, DECIDER_EXCLUDED, SUSPENDED_BY_ANOTHER, MALFORMED (a reason of a
 * person, none of an authority), CONFLICT (does not fit the state or the version)
 */
export function judgeAct(act: ConsentAct, upon: ActedUpon): Result<ActVerdict> {
  const rule = transitions[act.act];
  const actors = actorsOf(act, upon);
  if (!actors.ok) return actors;
  if (!actors.value.some((actor) => (rule.by as readonly Actor[]).includes(actor)))
    return err(new AppError('FORBIDDEN', `${act.act} is not for ${actors.value.join(' or ')} to do`));
  if ((act.by === 'authority' && needsReason.has(act.act)) !== (act.reason !== undefined))
    return err(new AppError('MALFORMED', 'an authority gives its reason, a person none', { field: 'reason' }));
  if (act.by === 'decider' && opens.has(act.act) && act.decider && upon.excluded.has(act.decider))
    return err(new AppError('DECIDER_EXCLUDED'));

  const suspensions = openSuspensions(upon);
  if (act.act === 'suspend' && suspensions.includes(whose(act))) return ok({ kind: 'as-before' });
  if (act.act !== 'suspend' && act.act !== 'verify-mandate' && upon.state === rule.to) return ok({ kind: 'as-before' });
  // Whoever withdraws what has ended otherwise is told how it ended: nothing is disclosed on it any more.
  if (act.act === 'withdraw' && upon.version > 0 && finalStates.includes(upon.state)) return ok({ kind: 'as-before' });
  if (!mayHappen(act.act, upon.state))
    return err(new AppError('CONFLICT', 'the act does not fit the present state', { state: upon.state }));
  if (act.act === 'end-plan' && !upon.terms.untilPlanEnds)
    return err(new AppError('CONFLICT', 'this consent does not depend on the plan'));
  if (opens.has(act.act) && act.version !== upon.version)
    return err(new AppError('CONFLICT', 'there is a newer version', { version: upon.version }));

  if (act.act === 'resume') {
    const others = suspensions.filter((one) => one !== whose(act));
    // Whose suspension it was is lost where only the log told of it: then it is the person's side to say.
    const lost = suspensions.length === 0 && act.by !== 'authority';
    if (others.length === suspensions.length && !lost) return err(new AppError('SUSPENDED_BY_ANOTHER'));
    if (others.length > 0) return ok({ kind: 'moves', to: 'suspended', event: eventOf('resume', 'suspended') });
  }
  return ok({ kind: 'moves', to: rule.to, event: rule.event });
}

/** As whom the agency acts: for a person, or in its own roles as a party. */
function actorsOf(act: ConsentAct, { terms }: ActedUpon): Result<readonly Actor[]> {
  switch (act.by) {
    case 'subject':
      if (act.decider !== undefined) return err(new AppError('MALFORMED', undefined, { field: 'decider' }));
      // A child is decided for (Administrative Procedure Act §14).
      return terms.standing === 'child' ? err(new AppError('DECIDER_NOT_ENTITLED')) : ok(['subject']);
    case 'decider': {
      if (act.decider === undefined) return err(new AppError('MALFORMED', undefined, { field: 'decider' }));
      // Nobody has decided about a proposal yet: whose answer it is, is the collecting agency's to verify.
      const known = !('deciders' in terms) || terms.deciders.some(({ pseudonym }) => pseudonym === act.decider);
      return known ? ok(['decider']) : err(new AppError('DECIDER_NOT_ENTITLED'));
    }
    case 'authority': {
      const given = 'grants' in terms ? terms.grants : terms.wanted;
      const roles: Actor[] = [];
      if (terms.collectingAgency === act.agency) roles.push('collecting-agency');
      if (disclosersOf(given).includes(act.agency)) roles.push('disclosing-agency');
      return ok(roles);
    }
  }
}

/** Who it is, so that each lifts only the own suspension: no authority resumes what the client has stopped. */
const whose = ({ by, decider, agency }: Pick<ConsentAct, 'by' | 'decider' | 'agency'>): string =>
  by === 'subject' ? 'subject' : by === 'decider' ? `decider ${decider}` : `authority ${agency}`;

/** Suspensions of the present version that were not lifted. */
function openSuspensions({ acts, version }: ActedUpon): string[] {
  const open = new Set<string>();
  for (const { payload, version: acted } of acts) {
    if (!payload || acted !== version) continue;
    if (payload.act === 'suspend') open.add(whose(payload));
    if (payload.act === 'resume') open.delete(whose(payload));
  }
  return [...open];
}
