import { unwrap } from '#kernel';
import type { WitnessPolicy } from '#merkle';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { exportFiles } from '../domain/entries-export.js';
import { checkpointFile } from '../domain/log-files.js';
import { judgeCheckpoint, witnessedLine } from '../domain/witnessed.js';
import { LogFolder } from '../infra/log-folder.js';
import { verifyEntries } from './verify-entries.js';

/** Errors: as `verifyEntries`. */
export async function runVerifyEntries(
  path: string,
  { verifierKey, policy }: { readonly verifierKey?: string | undefined; readonly policy?: WitnessPolicy | undefined },
): Promise<CommandOutcome> {
  const { index, checkpoint, completeness, tableDiffersAt, unreadable } = unwrap(
    await verifyEntries(new LogFolder(path), verifierKey),
  );
  const { chain, from, until } = index;
  const { entries, erased, unproved, faults } = completeness;
  const judged = policy && judgeCheckpoint(checkpoint, policy, new Date());
  const right =
    completeness.complete && tableDiffersAt === undefined && unreadable.length === 0 && (judged?.ok ?? true);
  const place = ({ number, leafIndex }: (typeof faults)[number]): string =>
    [
      ...(number === undefined ? [] : [`number ${number}`]),
      ...(leafIndex === undefined ? [] : [`entry ${leafIndex}`]),
    ].join(', ');
  return {
    ok: right,
    data: {
      chain,
      from,
      until,
      entries,
      erased,
      unproved,
      faults,
      tableDiffersAt,
      unreadable,
      size: checkpoint.size,
      ...(judged?.ok && { witnessed: judged.value }),
      ...(judged && !judged.ok && { checkpoint: judged.error.code }),
    },
    lines: [
      `Entries of ${chain}, logged from ${from} to before ${until}`,
      `  checkpoint  ${checkpoint.origin}, ${checkpoint.size} entries`,
      ...(judged?.ok ? [`  witnessed   ${witnessedLine(judged.value)}`] : []),
      `  entries     ${entries}${erased.length > 0 ? `, and ${erased.length} erased under tombstones` : ''}`,
      ...unproved.map((number) => `  unproved    number ${number} is said to be erased, and nothing proves it`),
      ...unreadable.map((where) => `FAULT line-unreadable at ${where}`),
      ...(judged && !judged.ok
        ? [`FAULT checkpoint-unwitnessed ${judged.error.code} at ${checkpointFile}: ${judged.error.detail}`]
        : []),
      ...faults.map((fault) => `FAULT ${fault.kind} at ${place(fault)}`),
      ...(tableDiffersAt === undefined ? [] : [`FAULT table-changed at ${exportFiles.table}, line ${tableDiffersAt}`]),
      right ? 'Verified: every entry of this time, and none left out.' : 'NOT verified.',
      ...(verifierKey !== undefined
        ? []
        : ['The log’s key is the one in the folder: compare log.vkey with the one you know.']),
    ],
  };
}
