import type { KeyObject } from 'node:crypto';
import Tinypool from 'tinypool';
import { KeyEncryptionKey, type OpenEntry, sealEntries } from '#envelope';
import { pack } from './packed-entries.js';

export interface SealingTask {
  readonly entries: readonly OpenEntry[];
  readonly kek: KeyObject;
}

/** What a sealing thread does. It keeps nothing, and no key, from one task to the next. */
const seal = ({ entries, kek }: SealingTask): unknown =>
  Tinypool.move(pack(sealEntries(entries, new KeyEncryptionKey(kek))));

export default seal;
