import { type ErasureProposal, signStatement } from '#envelope';
import { AppError, type Sha256, canonicalJson, problemOf, sha256, systemClock } from '#kernel';
import { indexOf, listOf, recordOf, textIn, textOf, textsOf } from '../domain/answer-members.js';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { type Auditor, type Signer, lookBy, lookingSession, signatureOf } from '../infra/acting-auditor.js';
import type { AuditSession } from '../infra/audit-session.js';
import type { HubSettings } from '../infra/hub-settings.js';
import { tableLines } from '../infra/table.js';

/** Signs and posts a proposal. Errors: those of audit, as `signatureOf`. */
export async function proposeErasure(
  hub: HubSettings,
  request: {
    readonly selection: ErasureProposal['selection'];
    readonly ground: string;
    /** Retention classes that nobody has compared with the law, and that the agency answers for. */
    readonly accepts: readonly string[];
    readonly signer: Signer;
  },
): Promise<CommandOutcome> {
  const { selection, ground, accepts, signer } = request;
  const session = await lookingSession(signer, hub);
  const { key, said } = await signatureOf(signer, systemClock);
  const accepting = accepts.length > 0 && { acceptsUnconfirmed: [...accepts] };
  const proposal = await signStatement('erasure-proposal', { ...said, selection, ground, ...accepting }, key);
  const answer = await session.post('v1/audit/erasures', { proposal });
  const [shown, kept] = [erasureOf(answer['erasure']), indexOf(answer['kept'])];
  return {
    ok: true,
    data: { erasure: shown, kept },
    lines: [
      `Proposed ${shown.proposal}: ${shown.entries} entries of ${shown.persons} persons, on the ground ${ground}.`,
      `  entries   ${rangesText(shown)}`,
      ...(kept > 0 ? [`  ${kept} more are selected and kept: their floor is not reached.`] : []),
      'A second person approves it, with another agency’s key: kotovayla erase approve.',
    ],
  };
}

/** What an approver is to know before the signature. The look is logged. Errors: NOT_FOUND. */
export async function showErasure(hub: HubSettings, proposal: string, auditor: Auditor): Promise<CommandOutcome> {
  const erasure = await findErasure(await lookingSession(auditor, hub), proposal, auditor);
  return { ok: true, data: { erasure }, lines: erasureLines(erasure) };
}

/**
 * Signs exactly what the proposal selects and accepts, as audit shows it, where the approver names the accepted classes; else
 * shows them and signs nothing. Errors: NOT_FOUND, TARGETS_DIFFER, those of audit.
 */
export async function approveErasure(
  hub: HubSettings,
  {
    proposal,
    accepts,
    signer,
  }: { readonly proposal: string; readonly accepts: readonly string[]; readonly signer: Signer },
): Promise<CommandOutcome> {
  const session = await lookingSession(signer, hub);
  const found = await findErasure(session, proposal, signer);
  const accepted = found.accepted.map(({ id }) => id);
  if (accepted.toSorted().join(' ') !== accepts.toSorted().join(' '))
    return {
      ok: false,
      data: {
        erasure: found,
        problem: problemOf(new AppError('RETENTION_UNCONFIRMED', undefined, { classes: accepted })),
      },
      lines: [
        ...erasureLines(found),
        accepted.length === 0
          ? 'Nothing is approved: the proposal accepts no unconfirmed class.'
          : `Nothing is approved. Who agrees answers for these classes too: --accept-unconfirmed ${accepted.join(' ')}`,
      ],
    };
  const ranges = found.indices.map(([first, last]) => ({ first, last }));
  // What is signed is what is shown here, not what the hub calls it.
  if (sha256(canonicalJson(ranges)) !== found.targets) throw new AppError('TARGETS_DIFFER');
  const { key, said } = await signatureOf(signer, systemClock);
  const targets = found.targets as Sha256;
  const accepting = accepted.length > 0 && { acceptsUnconfirmed: accepted };
  const statement = { ...said, proposal: proposal as Sha256, targets, count: found.entries, ...accepting };
  const approval = await signStatement('erasure-approval', statement, key);
  const erasure = erasureOf(await session.post('v1/audit/erasures/approvals', { approval }));
  return {
    ok: true,
    data: { erasure },
    lines: [
      ...erasureLines(found),
      `Approved ${proposal}: ${found.entries} entries. It is erased by the next run: kotovayla erase run.`,
    ],
  };
}

/** Those that the own agency proposed, approved or may approve, or everybody's. The look is logged. */
export async function listErasures(hub: HubSettings, auditor: Auditor): Promise<CommandOutcome> {
  const erasures = await listed(await lookingSession(auditor, hub), auditor);
  const rows = erasures.map((one) => [
    one.proposal,
    one.state + (one.holds.length > 0 ? ' (held)' : ''),
    one.ground,
    `${one.entries}`,
    `${one.persons}`,
    one.proposer,
    one.approver ?? '',
    one.tombstone === undefined ? '' : String(one.tombstone),
  ]);
  return {
    ok: true,
    data: { erasures },
    lines:
      rows.length === 0
        ? ['No erasure was proposed.']
        : tableLines(['proposal', 'state', 'ground', 'entries', 'persons', 'proposer', 'approver', 'tombstone'], rows),
  };
}

async function findErasure(session: AuditSession, proposal: string, auditor: Auditor): Promise<ShownErasure> {
  const found = (await listed(session, auditor)).find((erasure) => erasure.proposal === proposal);
  if (!found) throw new AppError('NOT_FOUND');
  return found;
}

const rangesText = ({ indices }: Pick<ShownErasure, 'indices'>): string =>
  indices.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(', ');

const erasureLines = (erasure: ShownErasure): string[] => [
  `${erasure.proposal}: ${erasure.state}, proposed by ${erasure.proposer} at ${erasure.proposedAt} on the ground ${erasure.ground}.`,
  `  entries   ${rangesText(erasure)}: ${erasure.entries} of ${erasure.persons} persons`,
  ...(erasure.accepted.length === 0
    ? []
    : [
        'Nobody has compared these classes with the law; the proposer answers for them:',
        ...tableLines(
          ['class', 'kept at least', 'at most', 'ground', 'entries'],
          erasure.accepted.map((one) => [
            one.id,
            one.floor || 'for good',
            one.ceiling,
            `${one.ground} (?)`,
            String(one.entries),
          ]),
        ),
      ]),
  ...erasure.holds.map((hold) => `  held by   ${hold}`),
];

type ShownErasure = ReturnType<typeof erasureOf>;

const listed = async (session: AuditSession, auditor: Auditor) =>
  listOf((await session.get(`v1/audit/erasures${lookBy(auditor)}`))['erasures']).map(erasureOf);

function erasureOf(value: unknown) {
  const erasure = recordOf(value);
  return {
    proposal: textOf(erasure['proposal']),
    state: textOf(erasure['state']),
    ground: textOf(erasure['ground']),
    proposer: textOf(erasure['proposer']),
    proposedAt: textOf(erasure['proposedAt']),
    approver: textIn(erasure['approver']),
    approvedAt: textIn(erasure['approvedAt']),
    indices: listOf(erasure['indices']).map(({ first, last }): [number, number] => [indexOf(first), indexOf(last)]),
    targets: textOf(erasure['targets']),
    entries: indexOf(erasure['entries']),
    persons: indexOf(erasure['persons']),
    tombstone: erasure['tombstone'] === undefined ? undefined : indexOf(erasure['tombstone']),
    erasedAt: textIn(erasure['erasedAt']),
    holds: textsOf(erasure['holds']),
    accepted: listOf(erasure['accepted']).map((one) => ({
      id: textOf(one['id']),
      floor: textOf(one['floor']),
      ceiling: textOf(one['ceiling']),
      ground: textOf(one['ground']),
      entries: indexOf(one['entries']),
    })),
  };
}
