import type { Alert } from '#contracts';
import { signStatement } from '#envelope';
import { AppError, systemClock } from '#kernel';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type SignerOptions, signatureOf } from '../erase-entries/signer.js';
import { withAudit } from '../infra/operator-calls.js';
import { tableLines } from '../infra/table.js';

/** Alerts that wait for their owner, or all. By pseudonyms. */
export async function listAlerts(audit: string, closed: boolean): Promise<CommandOutcome> {
  const alerts = (await withAudit(audit, (client) => client.listAlerts({ closed }))).alerts.map(dataOf);
  const rows = alerts.map((one) => [
    one.id,
    one.rule,
    `${one.agency}${one.worker === '' ? '' : ` ${one.worker}`}`,
    `${one.measured} of ${one.threshold}`,
    one.windowFrom ?? '',
    one.owner,
    one.state === 'raised' ? one.state : `${one.state} by ${one.actedBy}: ${one.reason}`,
  ]);
  const head = ['alert', 'rule', 'who', 'measured', 'from', 'owner', 'state'];
  return {
    ok: true,
    data: { alerts },
    lines: rows.length === 0 ? ['No alert is open.'] : tableLines(head, rows),
  };
}

/** Errors: NOT_FOUND, FORBIDDEN, CONFLICT, those of a statement. */
export async function actOnAlert(
  audit: string,
  acted: { readonly alert: string; readonly act: 'acknowledge' | 'close'; readonly reason: string },
  signer: SignerOptions,
): Promise<CommandOutcome> {
  const { key, said } = await signatureOf(signer, systemClock);
  const act = await signStatement('alert-act', { ...said, ...acted }, key);
  const { alert } = await withAudit(audit, (client) => client.actOnAlert({ act }));
  const data = dataOf(alert);
  return { ok: true, data: { alert: data }, lines: [`${data.id} is ${data.state}: ${data.reason}`] };
}

function dataOf(alert: Alert | undefined) {
  if (!alert) throw new AppError('NOT_FOUND');
  const { windowFrom, windowTo, raisedAt, actedAt, ...rest } = alert;
  return {
    ...rest,
    windowFrom: windowFrom?.toISOString(),
    windowTo: windowTo?.toISOString(),
    raisedAt: raisedAt?.toISOString(),
    actedAt: actedAt?.toISOString(),
  };
}
