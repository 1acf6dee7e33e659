import type { KeyObject } from 'node:crypto';
import Tinypool from 'tinypool';
import { KeyEncryptionKey, sealEntries } from '#envelope';
import { type PackedTexts, pack, unpackTexts } from './packed-entries.js';

export interface SealingTask extends PackedTexts {
  readonly kek: KeyObject;
}

/** What a sealing thread does. It keeps nothing, and no key, from one task to the next. */
const seal = (task: SealingTask): unknown =>
  Tinypool.move(pack(sealEntries(unpackTexts(task), new KeyEncryptionKey(task.kek))));

export default seal;
