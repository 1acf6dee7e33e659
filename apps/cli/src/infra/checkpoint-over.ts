import { setTimeout as delay } from 'node:timers/promises';
import type { Checkpoint } from '#merkle';
import { type OpenedLog, readCheckpoint } from './open-log.js';

const pollEveryMs = 250;
const mostPolls = 40;

// The published log comes a moment after the entries.
/** Waits a while for it and gives the last checkpoint seen. */
export async function checkpointOver(log: OpenedLog, index: number): Promise<Checkpoint> {
  for (let polls = 1; ; polls += 1) {
    const checkpoint = await readCheckpoint(log.files, log.verifier);
    if (checkpoint.size > index || polls === mostPolls) return checkpoint;
    await delay(pollEveryMs);
  }
}
