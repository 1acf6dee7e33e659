import { type HubKeyRecord, type LogKeyChain, type LoggedHubKey, logKeyChain, thumbprintOf } from '#envelope';
import { AppError, unwrap } from '#kernel';
import type { LogKeys } from '#merkle';
import type { LogKey } from './log-key.js';
import type { Queryable } from './log-store.js';
import { loggedLogKeys } from './logged-log-keys.js';

/**
 * The log keys that this process signs with, and all that the log has had, as its own clear leaves tell. A next key signs
 * beside the present one; a key that is neither of them any more is retired; a next key that was lost before it took over is
 * withdrawn (decision 0035).
 */
export class LogKeyring implements LogKeys {
  private chain: LogKeyChain;
  private logged: readonly LoggedHubKey[] = [];

  /**
   * @param pinned verifier key that the other services are configured with, where it is known already
   * @param withdrawn verifier key of an announced next key that is to sign no more
   */
  constructor(
    readonly present: LogKey,
    readonly next?: LogKey,
    private readonly pinned?: string,
    private readonly withdrawn?: string,
  ) {
    this.chain = unwrap(logKeyChain(present.verifierKey));
  }

  get name(): string {
    return this.chain.name;
  }

  get keys(): LogKeyChain['keys'] {
    return this.chain.keys;
  }

  /**
   * Reads from the log which keys it has. Throws CONFIG_INVALID when the log would go on under a key that nobody can trust: one
   * that was not announced under the key before it, that was retired, or a second next key; and where a key is to be withdrawn that
   * the log does not know as its next one.
   */
  async reload(client: Queryable): Promise<void> {
    const { keys: logged } = await loggedLogKeys(client);
    const chain = unwrap(logKeyChain(this.present.verifierKey, logged));
    if (logged.length > 0 && !loggedAs(this.present, logged))
      throw new AppError('CONFIG_INVALID', 'LOG_KEY_FILE holds a key that the log has not announced');
    if ([this.present, this.next].some((key) => key && loggedAs(key, logged)?.retired))
      throw new AppError('CONFIG_INVALID', 'a log key that was retired signs no more');
    const known = [...chain.keys, ...(this.next ? [this.next] : [])].map(({ verifierKey }) => verifierKey);
    if (this.pinned !== undefined && !known.includes(this.pinned))
      throw new AppError('CONFIG_INVALID', 'LOG_VERIFIER_KEY is no key of this log');
    this.checkNext(chain, logged);
    this.logged = logged;
    this.chain = chain;
  }

  /** At most one key is the next one: each follows the newest, which must sign beside it. */
  private checkNext({ keys }: LogKeyChain, logged: readonly LoggedHubKey[]): void {
    const { present, next, withdrawn } = this;
    if (withdrawn === present.verifierKey || (withdrawn !== undefined && withdrawn === next?.verifierKey))
      throw new AppError('CONFIG_INVALID', 'LOG_WITHDRAWN_KEY names a key that this process signs with');
    const ended = keys.find(({ verifierKey }) => verifierKey === withdrawn)?.logged;
    if (withdrawn !== undefined && !ended)
      throw new AppError('CONFIG_INVALID', 'LOG_WITHDRAWN_KEY is no key that the log has announced');
    const at = logged.findIndex((key) => isSame(present, key));
    if (ended && !ended.retired && logged.indexOf(ended) < at)
      throw new AppError('CONFIG_INVALID', 'LOG_WITHDRAWN_KEY has been in use: it is retired by the key after it');
    const announced = logged.slice(at + 1).find((key) => !key.retired && key !== ended);
    if (next && announced && !isSame(next, announced))
      throw new AppError(
        'CONFIG_INVALID',
        'another next key was announced: sign with it, or name it as LOG_WITHDRAWN_KEY',
      );
  }

  /** Whether the present key took over from another one. */
  get changed(): boolean {
    return this.logged.length > 0 && loggedAs(this.present, this.logged) !== this.logged[0];
  }

  /** What is to be said in clear, in this order: the present key, which keys have ended, and the next one after what is left. */
  async announcements(): Promise<Pick<HubKeyRecord, 'jwk' | 'follows' | 'retires' | 'withdraws'>[]> {
    const { present, next, logged } = this;
    const jwk = present.publicJwk;
    const isNext = (key: LoggedHubKey): boolean => next !== undefined && isSame(next, key);
    const at = logged.findIndex((key) => isSame(present, key));
    const retired = logged.slice(0, Math.max(0, at)).filter((key) => !key.retired && !isNext(key));
    const named = this.chain.keys.find(({ verifierKey }) => verifierKey === this.withdrawn)?.logged;
    const withdrawn = named && !named.retired ? [named] : [];
    const newest = logged.findLast((key) => !key.retired && !withdrawn.includes(key) && !isNext(key));
    return [
      { jwk },
      ...retired.map(({ kid }) => ({ jwk, retires: kid })),
      ...withdrawn.map(({ kid }) => ({ jwk, withdraws: kid })),
      ...(next ? [{ jwk: next.publicJwk, follows: newest?.kid ?? (await thumbprintOf(jwk)) }] : []),
    ];
  }
}

const isSame = ({ publicJwk }: LogKey, { jwk }: LoggedHubKey): boolean => publicJwk.x === jwk.x;
const loggedAs = (key: LogKey, logged: readonly LoggedHubKey[]): LoggedHubKey | undefined =>
  logged.find((one) => isSame(key, one));
