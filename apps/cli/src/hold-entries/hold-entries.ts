import type { Hold } from '#contracts';
import { type HoldScope, signStatement } from '#envelope';
import { AppError, type Sha256, systemClock } from '#kernel';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type SignerOptions, signatureOf } from '../erase-entries/signer.js';
import { withAudit } from '../infra/operator-calls.js';
import { tableLines } from '../infra/table.js';

/** Errors: FORBIDDEN, those of a statement. */
export async function placeHold(
  audit: string,
  request: { readonly scope: HoldScope; readonly matter: string; readonly signer: SignerOptions },
): Promise<CommandOutcome> {
  const { key, said } = await signatureOf(request.signer, systemClock);
  const token = await signStatement('legal-hold', { ...said, scope: request.scope, matter: request.matter }, key);
  const { hold } = await withAudit(audit, (client) => client.placeHold({ hold: token }));
  const placed = dataOf(hold);
  return {
    ok: true,
    data: { hold: placed },
    lines: [`Held ${placed.hold}: nothing that it covers is erased until it is lifted.`],
  };
}

/** Errors: NOT_FOUND, FORBIDDEN, those of a statement. */
export async function liftHold(audit: string, held: string, signer: SignerOptions): Promise<CommandOutcome> {
  const { key, said } = await signatureOf(signer, systemClock);
  const lift = await signStatement('legal-hold-lift', { ...said, hold: held as Sha256 }, key);
  const { hold } = await withAudit(audit, (client) => client.liftHold({ lift }));
  return { ok: true, data: { hold: dataOf(hold) }, lines: [`Lifted ${held}.`] };
}

export async function listHolds(audit: string): Promise<CommandOutcome> {
  const holds = (await withAudit(audit, (client) => client.listHolds({}))).holds.map(dataOf);
  const rows = holds.map(({ hold, agency, matter, scope, placedAt, liftedBy, liftedAt }) => [
    hold,
    agency,
    matter,
    scope,
    placedAt ?? '',
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

function dataOf(hold: Hold | undefined) {
  if (!hold) throw new AppError('NOT_FOUND');
  const { placedAt, liftedAt, liftedBy, ...rest } = hold;
  return {
    ...rest,
    placedAt: placedAt?.toISOString(),
    liftedBy: liftedBy === '' ? undefined : liftedBy,
    liftedAt: liftedAt?.toISOString(),
  };
}
