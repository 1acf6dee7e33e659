import type { Erasure } from '#contracts';
import { type ErasureProposal, signStatement } from '#envelope';
import { AppError, type Sha256, canonicalJson, sha256, systemClock } from '#kernel';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { withAudit } from '../infra/operator-calls.js';
import { tableLines } from '../infra/table.js';
import { type SignerOptions, signatureOf } from './signer.js';

/** Wrapping a million secrets anew takes about a minute. */
const runDeadlineMs = 30 * 60_000;
const listDeadlineMs = 60_000;

/** Signs and posts a proposal. Errors: those of audit, as `signatureOf`. */
export async function proposeErasure(
  audit: string,
  request: {
    readonly selection: ErasureProposal['selection'];
    readonly ground: string;
    readonly signer: SignerOptions;
  },
): Promise<CommandOutcome> {
  const { key, said } = await signatureOf(request.signer, systemClock);
  const { selection, ground } = request;
  const proposal = await signStatement('erasure-proposal', { ...said, selection, ground }, key);
  const { erasure, kept } = await withAudit(audit, (client) =>
    client.proposeErasure({ proposal }, { deadlineMs: listDeadlineMs }),
  );
  const shown = dataOf(erasure);
  return {
    ok: true,
    data: { erasure: shown, kept },
    lines: [
      `Proposed ${shown.proposal}: ${shown.entries} entries of ${shown.persons} persons, on the ground ${ground}.`,
      `  entries   ${shown.indices.map(([first, last]) => (first === last ? first : `${first}-${last}`)).join(', ')}`,
      ...(kept > 0 ? [`  ${kept} more are selected and kept: their floor is not reached.`] : []),
      'A second person approves it, with another agency’s key: kotovayla erase approve.',
    ],
  };
}

/** Signs exactly what the proposal selects, as audit shows it. Errors: NOT_FOUND, TARGETS_DIFFER, those of audit. */
export async function approveErasure(audit: string, proposal: string, signer: SignerOptions): Promise<CommandOutcome> {
  const found = dataOf((await listed(audit)).find((erasure) => erasure.proposal === proposal));
  const ranges = found.indices.map(([first, last]) => ({ first, last }));
  // What is signed is what is shown here, not what the hub calls it.
  if (sha256(canonicalJson(ranges)) !== found.targets) throw new AppError('TARGETS_DIFFER');
  const { key, said } = await signatureOf(signer, systemClock);
  const statement = { ...said, proposal: proposal as Sha256, targets: found.targets, count: found.entries };
  const approval = await signStatement('erasure-approval', statement, key);
  const { erasure } = await withAudit(audit, (client) =>
    client.approveErasure({ approval }, { deadlineMs: listDeadlineMs }),
  );
  return {
    ok: true,
    data: { erasure: dataOf(erasure) },
    lines: [`Approved ${proposal}: ${found.entries} entries. It is erased by the next run: kotovayla erase run.`],
  };
}

/** Erases what is approved, and ends what was begun. Errors: NOT_APPROVED, LEGAL_HOLD, TOO_FEW_PERSONS, ENTRY_KEPT. */
export async function runErasure(audit: string): Promise<CommandOutcome> {
  const { tombstones, erased, persons, rewrapped, destroyedKek, transportForgetsAt, held } = await withAudit(
    audit,
    (client) => client.runErasure({}, { deadlineMs: runDeadlineMs }),
  );
  const leaves = tombstones.map(Number);
  return {
    ok: true,
    data: {
      tombstones: leaves,
      erased,
      persons,
      rewrapped: Number(rewrapped),
      destroyedKek,
      transportForgetsAt: transportForgetsAt?.toISOString(),
      held,
    },
    lines: [
      `Erased ${erased} entries of ${persons} persons; tombstone ${leaves.join(', ') || 'of an earlier run'}.`,
      ...(destroyedKek === ''
        ? []
        : [`  key       ${destroyedKek} is destroyed; ${rewrapped} other entries are wrapped under a new one`]),
      ...(transportForgetsAt ? [`  transport forgets by ${transportForgetsAt.toISOString()}`] : []),
      ...held.map((proposal) => `  held      ${proposal}: a legal hold covers entries of it`),
      'Backups from before open nothing any more: make one now.',
    ],
  };
}

export async function listErasures(audit: string): Promise<CommandOutcome> {
  const erasures = (await listed(audit)).map(dataOf);
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

const listed = async (audit: string): Promise<Erasure[]> =>
  (await withAudit(audit, (client) => client.listErasures({}, { deadlineMs: listDeadlineMs }))).erasures;

function dataOf(erasure: Erasure | undefined) {
  if (!erasure) throw new AppError('NOT_FOUND');
  const { proposedAt, approvedAt, erasedAt, indices, tombstone, approver, targets, ...rest } = erasure;
  return {
    ...rest,
    targets: targets as Sha256,
    proposedAt: proposedAt?.toISOString(),
    approvedAt: approvedAt?.toISOString(),
    erasedAt: erasedAt?.toISOString(),
    approver: approver === '' ? undefined : approver,
    indices: indices.map(({ first, last }): [number, number] => [Number(first), Number(last)]),
    tombstone: tombstone === undefined ? undefined : Number(tombstone),
  };
}
