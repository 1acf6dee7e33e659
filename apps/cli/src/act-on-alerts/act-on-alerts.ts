import { signStatement } from '#envelope';
import { systemClock } from '#kernel';
import { indexOf, listOf, recordOf, textIn, textOf } from '../domain/answer-members.js';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type Auditor, type Signer, lookBy, lookingSession, signatureOf } from '../infra/acting-auditor.js';
import type { HubSettings } from '../infra/hub-settings.js';
import { tableLines } from '../infra/table.js';

/** Alerts that wait for their owner, or all: about the own agency, or everybody's. By pseudonyms. The look is logged. */
export async function listAlerts(hub: HubSettings, auditor: Auditor, closed: boolean): Promise<CommandOutcome> {
  const session = await lookingSession(auditor, hub);
  const answer = await session.get(`v1/audit/alerts${lookBy(auditor, { closed: String(closed) })}`);
  const alerts = listOf(answer['alerts']).map(alertOf);
  const rows = alerts.map((one) => [
    one.id,
    one.names?.en ?? one.rule,
    `${one.agency}${one.worker === undefined ? '' : ` ${one.worker}`}`,
    `${one.measured} of ${one.threshold}`,
    one.windowFrom,
    one.owner,
    [
      one.state === 'raised' ? one.state : `${one.state} by ${one.actedBy}: ${one.reason}`,
      ...(one.mendedAt === undefined ? [] : [`mended since ${one.mendedAt}`]),
    ].join('; '),
  ]);
  const head = ['alert', 'rule', 'who', 'measured', 'from', 'owner', 'state'];
  return {
    ok: true,
    data: { alerts },
    lines: rows.length === 0 ? ['No alert is open.'] : tableLines(head, rows),
  };
}

/** Errors: NOT_FOUND, FORBIDDEN, CONFLICT, REVIEW_NEEDED, those of a statement. */
export async function actOnAlert(
  hub: HubSettings,
  acted: { readonly alert: string; readonly act: 'acknowledge' | 'close'; readonly reason: string },
  signer: Signer,
): Promise<CommandOutcome> {
  const session = await lookingSession(signer, hub);
  const { key, said } = await signatureOf(signer, systemClock);
  const act = await signStatement('alert-act', { ...said, ...acted }, key);
  const alert = alertOf(await session.post('v1/audit/alerts/acts', { act }));
  return { ok: true, data: { alert }, lines: [`${alert.id} is ${alert.state}: ${alert.reason}`] };
}

function alertOf(value: unknown) {
  const alert = recordOf(value);
  return {
    id: textOf(alert['id']),
    rule: textOf(alert['rule']),
    names: namesOf(alert['names']),
    owner: textOf(alert['owner']),
    end: textOf(alert['end']),
    agency: textOf(alert['agency']),
    worker: textIn(alert['worker']),
    windowFrom: textOf(alert['windowFrom']),
    windowTo: textOf(alert['windowTo']),
    measured: indexOf(alert['measured']),
    threshold: indexOf(alert['threshold']),
    raisedAt: textOf(alert['raisedAt']),
    state: textOf(alert['state']),
    actedBy: textIn(alert['actedBy']),
    actedAt: textIn(alert['actedAt']),
    reason: textIn(alert['reason']),
    mendedAt: textIn(alert['mendedAt']),
  };
}

/** Of the rule in the languages of the hub; none where the rules have it no more. */
function namesOf(value: unknown) {
  if (value === undefined) return undefined;
  const { fi, sv, en } = recordOf(value);
  return { fi: textOf(fi), sv: textOf(sv), en: textOf(en) };
}
