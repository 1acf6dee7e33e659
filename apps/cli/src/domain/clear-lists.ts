import { ClearListDigest, type ClearRecord, type ListedEntry, listedEntryOf } from '#envelope';
import { type LogFault, faultOf } from './log-fault.js';

/** What the log has in clear, and what it says of that itself. */
export interface ClearLeaf {
  readonly listed: ListedEntry;
  /** Of an entry that says which others stand in clear. */
  readonly said?: { readonly size: number; readonly digest: string };
}

export function clearLeafOf(index: number, entry: Uint8Array, record: ClearRecord): ClearLeaf {
  const listed = listedEntryOf(index, entry, record);
  return record.type === 'clear-list' ? { listed, said: { size: record.size, digest: record.digest } } : { listed };
}

/** Where the log says of itself that other entries stand in clear than do. @param leaves all of them, in their order */
export function falseClearLists(leaves: readonly ClearLeaf[]): LogFault[] {
  const digest = new ClearListDigest();
  const faults: LogFault[] = [];
  let at = 0;
  let before = 0;
  for (const { listed, said } of leaves) {
    if (!said) continue;
    const { index } = listed;
    // Each is about more than the one before it, and about nothing that came after it.
    const inOrder = before <= said.size && said.size <= index;
    if (inOrder) {
      for (; at < leaves.length && leaves[at]!.listed.index < said.size; at += 1) digest.add(leaves[at]!.listed);
      before = said.size;
    }
    if (inOrder && digest.value === said.digest) continue;
    faults.push(faultOf('clear-list-false', 'It says that other entries stand in clear than do.', { index }));
  }
  return faults;
}
