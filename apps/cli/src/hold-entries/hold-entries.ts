import { type HoldScope, signStatement } from '#envelope';
import { type Sha256, systemClock } from '#kernel';
import { listOf, recordOf, textIn, textOf } from '../domain/answer-members.js';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type Auditor, type Signer, lookBy, lookingSession, signatureOf } from '../infra/acting-auditor.js';
import type { HubSettings } from '../infra/hub-settings.js';
import { tableLines } from '../infra/table.js';

/** Errors: FORBIDDEN, those of a statement. */
export async function placeHold(
  hub: HubSettings,
  request: { readonly scope: HoldScope; readonly matter: string; readonly signer: Signer },
): Promise<CommandOutcome> {
  const { scope, matter, signer } = request;
  const session = await lookingSession(signer, hub);
  const { key, said } = await signatureOf(signer, systemClock);
  const hold = await signStatement('legal-hold', { ...said, scope, matter }, key);
  const placed = holdOf(await session.post('v1/audit/holds', { hold }));
  return {
    ok: true,
    data: { hold: placed },
    lines: [`Held ${placed.hold}: nothing that it covers is erased until it is lifted.`],
  };
}

/** Errors: NOT_FOUND, FORBIDDEN, those of a statement. */
export async function liftHold(hub: HubSettings, held: string, signer: Signer): Promise<CommandOutcome> {
  const session = await lookingSession(signer, hub);
  const { key, said } = await signatureOf(signer, systemClock);
  const lift = await signStatement('legal-hold-lift', { ...said, hold: held as Sha256 }, key);
  const hold = holdOf(await session.post('v1/audit/holds/lifts', { lift }));
  return { ok: true, data: { hold }, lines: [`Lifted ${held}.`] };
}

/** Those that the own agency placed or that hold its entries, or everybody's. The look is logged. */
export async function listHolds(hub: HubSettings, auditor: Auditor): Promise<CommandOutcome> {
  const session = await lookingSession(auditor, hub);
  const holds = listOf((await session.get(`v1/audit/holds${lookBy(auditor)}`))['holds']).map(holdOf);
  const rows = holds.map(({ hold, agency, matter, scope, placedAt, liftedBy, liftedAt }) => [
    hold,
    agency,
    matter,
    scope,
    placedAt,
    liftedAt === undefined ? 'stands' : `lifted by ${liftedBy} at ${liftedAt}`,
  ]);
  return {
    ok: true,
    data: { holds },
    lines:
      rows.length === 0
        ? ['No hold was placed.']
        : tableLines(['hold', 'agency', 'matter', 'scope', 'placed', ''], rows),
  };
}

function holdOf(value: unknown) {
  const hold = recordOf(value);
  return {
    hold: textOf(hold['hold']),
    agency: textOf(hold['agency']),
    matter: textOf(hold['matter']),
    scope: textOf(hold['scope']),
    placedAt: textOf(hold['placedAt']),
    liftedBy: textIn(hold['liftedBy']),
    liftedAt: textIn(hold['liftedAt']),
  };
}
