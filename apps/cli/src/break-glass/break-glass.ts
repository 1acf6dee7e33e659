import { type BreakGlassScope, signStatement } from '#envelope';
import { type Sha256, systemClock } from '#kernel';
import { indexOf, listOf, recordOf, textIn, textOf } from '../domain/answer-members.js';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type Auditor, type Signer, lookBy, lookingSession, signatureOf } from '../infra/acting-auditor.js';
import type { HubSettings } from '../infra/hub-settings.js';
import { tableLines } from '../infra/table.js';

/** Errors: FORBIDDEN, MALFORMED, REASON_UNKNOWN, REVIEW_NEEDED, those of a statement. */
export async function openBreakGlass(
  hub: HubSettings,
  asked: {
    readonly scope: BreakGlassScope;
    readonly reason: string;
    readonly matter: string;
    readonly minutes: number;
  },
  signer: Signer,
): Promise<CommandOutcome> {
  const session = await lookingSession(signer, hub);
  const { key, said } = await signatureOf(signer, systemClock);
  const opening = await signStatement('break-glass', { ...said, ...asked }, key);
  const access = accessOf(await session.post('v1/audit/break-glass', { opening }));
  return {
    ok: true,
    data: { access },
    lines: [
      `Opened ${access.grant} until ${access.endsAt}, for ${access.mostEntries} entries at most.`,
      `  alert   ${access.alert}: the supervising authorities know, and review it`,
      'Each look is in the log with its reason, where the agencies concerned find it: kotovayla break-glass look.',
    ],
  };
}

/** Errors: NOT_FOUND, FORBIDDEN, ACCESS_ENDED. */
export async function lookBreakGlass(
  hub: HubSettings,
  asked: { readonly grant: string; readonly from: number },
  signer: Signer,
): Promise<CommandOutcome> {
  const session = await lookingSession(signer, hub);
  const query = lookBy(signer, { from: String(asked.from) });
  const answer = await session.get(`v1/audit/break-glass/${encodeURIComponent(asked.grant)}/entries${query}`);
  const access = accessOf(answer['grant']);
  const next = answer['next'] === undefined ? undefined : indexOf(answer['next']);
  const entries = listOf(answer['entries']).map(({ leafIndex, body }) => ({
    index: indexOf(leafIndex),
    body: recordOf(JSON.parse(textOf(body))),
  }));
  const rows = entries.map(({ index, body }) => [
    String(index),
    textOf(body['at']),
    textOf(body['type']),
    textIn(body['sender']) ?? '',
    textIn(body['recipient']) ?? '',
  ]);
  return {
    ok: true,
    data: { access, entries, next, lookLeaf: indexOf(answer['lookLeaf']) },
    lines: [
      ...(rows.length === 0 ? ['No entry.'] : tableLines(['index', 'at', 'type', 'from', 'to'], rows)),
      ...(next === undefined ? [] : [`More from ${next} on.`]),
      `${access.shown} of ${access.mostEntries} entries shown; the access ends at ${access.endsAt}.`,
    ],
  };
}

/** Errors: NOT_FOUND, SAME_HAND, FORBIDDEN, CONFLICT, those of a statement. */
export async function reviewBreakGlass(
  hub: HubSettings,
  reviewed: { readonly grant: string; readonly finding: 'justified' | 'unjustified' },
  signer: Signer,
): Promise<CommandOutcome> {
  const session = await lookingSession(signer, hub);
  const { key, said } = await signatureOf(signer, systemClock);
  const { grant, finding } = reviewed;
  const review = await signStatement('break-glass-review', { ...said, grant: grant as Sha256, finding }, key);
  const access = accessOf(await session.post('v1/audit/break-glass/reviews', { review }));
  return { ok: true, data: { access }, lines: [`Reviewed ${grant}: ${finding}. It is over, and so is its alert.`] };
}

/** The own agency's and those to its entries, or everybody's. The look is logged. */
export async function listBreakGlass(hub: HubSettings, auditor: Auditor): Promise<CommandOutcome> {
  const session = await lookingSession(auditor, hub);
  const accesses = listOf((await session.get(`v1/audit/break-glass${lookBy(auditor)}`))['grants']).map(accessOf);
  const rows = accesses.map((one) => [
    one.grant,
    `${one.agency} ${one.worker}`,
    one.concerned ?? 'a person',
    one.reason,
    one.matter,
    one.endsAt,
    `${one.shown} of ${one.mostEntries}`,
    one.finding === undefined ? one.state : `${one.finding}, ${one.reviewedBy}`,
  ]);
  const head = ['access', 'who', 'whose entries', 'reason', 'matter', 'until', 'shown', 'state'];
  return {
    ok: true,
    data: { accesses },
    lines: rows.length === 0 ? ['Nobody opened the log in an emergency.'] : tableLines(head, rows),
  };
}

function accessOf(value: unknown) {
  const access = recordOf(value);
  return {
    grant: textOf(access['grant']),
    agency: textOf(access['agency']),
    worker: textOf(access['worker']),
    scope: textOf(access['scope']),
    concerned: textIn(access['concerned']),
    reason: textOf(access['reason']),
    matter: textOf(access['matter']),
    openedAt: textOf(access['openedAt']),
    endsAt: textOf(access['endsAt']),
    mostEntries: indexOf(access['mostEntries']),
    shown: indexOf(access['shown']),
    state: textOf(access['state']),
    alert: textOf(access['alert']),
    reviewedBy: textIn(access['reviewedBy']),
    reviewedAt: textIn(access['reviewedAt']),
    finding: textIn(access['finding']),
  };
}
