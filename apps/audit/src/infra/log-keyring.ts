import { type HubKeyRecord, type LogKeyChain, type LoggedHubKey, logKeyChain, thumbprintOf } from '#envelope';
import { AppError, unwrap } from '#kernel';
import type { LogKeys } from '#merkle';
import type { LogKey } from './log-key.js';
import type { Queryable } from './log-store.js';
import { loggedLogKeys } from './logged-log-keys.js';

/**
 * The log keys that this process signs with, and all that the log has had, as its own clear leaves tell. A next key signs
 * beside the present one; a key that is neither of them any more is retired (docs/decisions, "The log's key changes").
 */
export class LogKeyring implements LogKeys {
  private chain: LogKeyChain;
  private logged: readonly LoggedHubKey[] = [];

  /** @param pinned verifier key that the other services are configured with, where it is known already */
  constructor(
    readonly present: LogKey,
    readonly next?: LogKey,
    private readonly pinned?: string,
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
   * Reads from the log which keys it has. Throws CONFIG_INVALID when the log would go on under a key that nobody can trust:
   * one that was not announced under the key before it, or that was retired.
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
    this.logged = logged;
    this.chain = chain;
  }

  /** Whether the present key took over from another one. */
  get changed(): boolean {
    return this.logged.length > 0 && loggedAs(this.present, this.logged) !== this.logged[0];
  }

  /** What is to be said in clear: the present key, the next one after it, and which earlier ones have ended. */
  async announcements(): Promise<Pick<HubKeyRecord, 'jwk' | 'follows' | 'retires'>[]> {
    const { present, next, logged } = this;
    const jwk = present.publicJwk;
    const earlier = logged.slice(
      0,
      Math.max(
        0,
        logged.findIndex((key) => isSame(present, key)),
      ),
    );
    const ended = earlier.filter((key) => !key.retired && !(next && isSame(next, key)));
    const newest = logged.findLast((key) => !(next && isSame(next, key)))?.kid ?? (await thumbprintOf(jwk));
    return [
      { jwk },
      ...(next ? [{ jwk: next.publicJwk, follows: newest }] : []),
      ...ended.map(({ kid }) => ({ jwk, retires: kid })),
    ];
  }
}

const isSame = ({ publicJwk }: LogKey, { jwk }: LoggedHubKey): boolean => publicJwk.x === jwk.x;
const loggedAs = (key: LogKey, logged: readonly LoggedHubKey[]): LoggedHubKey | undefined =>
  logged.find((one) => isSame(key, one));
