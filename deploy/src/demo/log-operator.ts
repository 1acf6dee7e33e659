import { copyFileSync, renameSync, rmSync } from 'node:fs';
import type { Stack } from '../stack.js';

/** Whoever runs the log: changes its key by settings and restarts of the audit service alone (decision 0035). */
export class LogOperator {
  private readonly present: string;
  private readonly next: string;

  constructor(private readonly stack: Stack) {
    this.present = stack.folder.within('keys', 'log.jwk');
    this.next = stack.folder.within('keys', 'next-log.jwk');
  }

  /** The next key is made, announced in the log, and signs beside the present one. */
  announceNextKey(): Promise<void> {
    return this.stack.supervisor.reconfigure('audit', { LOG_NEXT_KEY_FILE: this.next });
  }

  /** It stands alone and retires the present one, whose file it overwrites: the next start finds it there. */
  async retirePresentKey(): Promise<void> {
    copyFileSync(this.next, `${this.present}.new`);
    renameSync(`${this.present}.new`, this.present);
    await this.stack.supervisor.reconfigure('audit', { LOG_NEXT_KEY_FILE: undefined });
    rmSync(this.next);
  }
}
