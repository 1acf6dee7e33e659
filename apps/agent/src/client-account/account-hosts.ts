import { AppError, type Clock } from '#kernel';
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { AccountSettings } from '../agency-settings.js';
import type { ServedAgencies } from '../serve-agencies/served-agencies.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { AccountSessions } from './account-sessions.js';
import { LoginCookie } from './login-cookie.js';
import { StrongIdentification } from './strong-identification.js';

/** Logins begun at one agency, so that nobody makes its agent flood the identification service. */
const LOGINS_PER_MINUTE = 600;

/** An agency that hosts accounts, with its identification service. */
export interface AccountHost {
  readonly agency: ServedAgency;
  readonly settings: AccountSettings;
  readonly identification: StrongIdentification;
}

/** The agencies of this process that host accounts, and who is logged in. */
export class AccountHosts {
  readonly sessions: AccountSessions;
  readonly logins: LoginCookie;
  private readonly limiter = new RateLimiterMemory({ points: LOGINS_PER_MINUTE, duration: 60 });

  private constructor(
    private readonly hosts: ReadonlyMap<string, AccountHost>,
    clock: Clock,
  ) {
    this.sessions = new AccountSessions(clock);
    this.logins = new LoginCookie(clock);
  }

  /** @throws AppError CONFIG_INVALID */
  static async open({ all }: ServedAgencies, clock: Clock): Promise<AccountHosts> {
    const hosts = new Map<string, AccountHost>();
    for (const agency of all) {
      const settings = agency.settings.account;
      if (!settings) continue;
      hosts.set(agency.id, { agency, settings, identification: await StrongIdentification.open(settings) });
    }
    return new AccountHosts(hosts, clock);
  }

  /** @throws AppError NOT_FOUND (not served here, or no account there) */
  get(id: string): AccountHost {
    const host = this.hosts.get(id);
    if (!host) throw new AppError('NOT_FOUND');
    return host;
  }

  /** @throws AppError RATE_LIMITED */
  async countLogin({ agency }: AccountHost): Promise<void> {
    try {
      await this.limiter.consume(agency.id);
    } catch (refused) {
      if (!(refused instanceof RateLimiterRes)) throw refused;
      throw new AppError('RATE_LIMITED', undefined, { retryAfter: Math.ceil(refused.msBeforeNext / 1_000) });
    }
  }
}
