import { randomBytes, timingSafeEqual } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type AgencyId, AppError, type Clock, type Pseudonym } from '#kernel';
import type { Identified } from './strong-identification.js';

/** Withdrawing must not fail because somebody reads slowly; looking anew needs who was identified a moment ago. */
export const SESSION_LASTS_S = 900;
const MOST_SESSIONS = 10_000;
/** Nobody decides for very many, and nobody tries out identity codes here. */
const MOST_OTHERS = 8;

/** A person by pseudonym. */
export interface Person {
  readonly subject: Pseudonym;
  /** Under earlier pseudonym keys. */
  readonly earlier: readonly Pseudonym[];
}

/** Whose account is shown: the own, or that of somebody for whom the person decides. */
export interface About extends Person {
  /** Marked as protected at this agency: names are withheld from everybody but the person. */
  readonly isProtected: boolean;
}

/** Somebody who was identified strongly. Known by pseudonym; the identity code is not kept. */
export interface AccountSession {
  readonly agency: AgencyId;
  readonly person: Person;
  readonly identified: Omit<Identified, 'identityCode'>;
  /** Stands in each form, so that no other site sends one (the cookie alone would let it). */
  readonly formToken: string;
  readonly endsAt: Date;
  about: About;
  othersTried: number;
}

const newSecret = (): string => randomBytes(32).toString('base64url');

/** In memory alone: a restart logs everybody out, and nothing of it comes into a backup. */
export class AccountSessions {
  private readonly sessions = new LRUCache<string, AccountSession>({ max: MOST_SESSIONS });

  constructor(private readonly clock: Clock) {}

  /** @returns what the browser's cookie holds */
  begin(agency: AgencyId, person: Person, identified: AccountSession['identified']): string {
    const secret = newSecret();
    this.sessions.set(secret, {
      agency,
      person,
      identified,
      formToken: newSecret(),
      endsAt: new Date(this.clock.now().getTime() + SESSION_LASTS_S * 1_000),
      about: { ...person, isProtected: false },
      othersTried: 0,
    });
    return secret;
  }

  /** @throws AppError ACCOUNT_SESSION_ENDED */
  get(agency: AgencyId, secret: string | undefined): AccountSession {
    const session = secret === undefined ? undefined : this.sessions.get(secret);
    if (session?.agency !== agency || session.endsAt <= this.clock.now()) throw new AppError('ACCOUNT_SESSION_ENDED');
    return session;
  }

  /** For what changes something. @throws AppError ACCOUNT_SESSION_ENDED, FORM_INVALID */
  getForForm(agency: AgencyId, secret: string | undefined, formToken: string): AccountSession {
    const session = this.get(agency, secret);
    const [given, expected] = [Buffer.from(formToken), Buffer.from(session.formToken)];
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new AppError('FORM_INVALID');
    return session;
  }

  end(secret: string): void {
    this.sessions.delete(secret);
  }
}

/** @throws AppError RATE_LIMITED */
export function countOther(session: AccountSession): void {
  session.othersTried += 1;
  if (session.othersTried > MOST_OTHERS) throw new AppError('RATE_LIMITED', undefined, { retryAfter: SESSION_LASTS_S });
}
