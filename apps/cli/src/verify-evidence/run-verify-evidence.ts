import { unwrap } from '#kernel';
import type { WitnessPolicy } from '#merkle';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { unpackEvidence } from '../infra/evidence-file.js';
import { evidenceLines } from './evidence-lines.js';
import { firstKeys, verifyEvidence } from './verify-evidence.js';

/** Errors: MALFORMED (no ZIP file), CHECKPOINT_INVALID (the given key is none). */
export async function runVerifyEvidence(
  bytes: Uint8Array,
  { verifierKey, policy }: { readonly verifierKey?: string | undefined; readonly policy?: WitnessPolicy | undefined },
): Promise<CommandOutcome> {
  const pieces = unwrap(unpackEvidence(bytes));
  const report = await verifyEvidence(pieces, { verifierKey, policy });
  const { index, transfer, witnessed, faults, gaps } = report;
  return {
    ok: report.ok,
    data: {
      ...(index && { exchangeId: index.exchangeId, madeBy: index.madeBy, madeAt: index.madeAt }),
      ...(transfer && {
        log: { origin: transfer.checkpoint.origin, size: transfer.checkpoint.size },
        entries: transfer.entries.map(({ index: at, body }) => ({ index: at, type: body.type })),
        statements: transfer.statements.map(({ index: at, kind, signer, hash }) => ({ index: at, kind, signer, hash })),
        firstKeys: firstKeys(transfer),
      }),
      ...(witnessed && { witnessed }),
      keyFrom: verifierKey !== undefined ? 'given' : 'bundle',
      faults,
      gaps,
    },
    lines: [
      ...evidenceLines(report),
      ...(policy ? [] : ['No --policy was given: whether others saw the same log is not judged.']),
      ...(verifierKey !== undefined
        ? []
        : ['The log’s key is the one in the bundle: compare log.vkey with the one you know.']),
    ],
  };
}
