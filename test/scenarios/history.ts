import type { AgencyId, Pseudonym } from '#kernel';
import { type Consent, mayHappen, type Transition, transitions } from '../../apps/consent/src/domain/consent-state.js';
import type { ConsentUse, Facts } from '../../apps/consent/src/domain/decide-basis.js';
import { type Dictionary, exchangeIdOf, pseudonymOf, readAgency, readTime } from './words.js';

/** What has happened before a message, as it is told line by line. */
export class History {
  readonly uses: ConsentUse[] = [];
  readonly links: { subject: Pseudonym; earlier: Pseudonym }[] = [];
  readonly exclusions: { subject: Pseudonym; decider: Pseudonym }[] = [];
  readonly suspended = new Set<AgencyId>();

  constructor(
    /** By the words that name them. */
    private readonly consents: Map<string, Consent>,
    private readonly dictionary: Dictionary,
  ) {}

  get stored(): Facts['consents'] {
    return new Map([...this.consents.values()].map((consent) => [consent.id, consent]));
  }

  /** @throws Error when the line is none of those documented, or the consent's state does not let it happen */
  tell(line: string): void {
    const [, used, exchange, by, usedAt] = /^use (\S+) in (\S+) by (\S+) at (.+)$/.exec(line) ?? [];
    if (used && exchange && by && usedAt) return this.use(used, exchange, readAgency(by, this.dictionary), usedAt);
    const [, later, earlier] = /^join (\S+) to (\S+)$/.exec(line) ?? [];
    if (later && earlier) return void this.links.push({ subject: pseudonymOf(later), earlier: pseudonymOf(earlier) });
    const [, decider, subject] = /^exclude (\S+) from deciding for (\S+)$/.exec(line) ?? [];
    if (decider && subject)
      return void this.exclusions.push({ subject: pseudonymOf(subject), decider: pseudonymOf(decider) });
    const [, agency] = /^suspend agency (\S+)$/.exec(line) ?? [];
    if (agency) return void this.suspended.add(readAgency(agency, this.dictionary));
    const [, transition, consent, at] = /^(\S+) (\S+) at (.+)$/.exec(line) ?? [];
    if (transition && consent && at && transition in transitions)
      return this.act(transition as Transition, consent, readTime(at));
    throw new Error(`"${line}" is nothing that can happen`);
  }

  private consent(name: string): Consent {
    const consent = this.consents.get(name);
    if (!consent) throw new Error(`there is no consent "${name}"`);
    return consent;
  }

  private use(name: string, exchange: string, recipient: AgencyId, at: string): void {
    const { id: consentId, version } = this.consent(name);
    this.uses.push({ consentId, version, exchangeId: exchangeIdOf(exchange), recipient, usedAt: readTime(at) });
  }

  private act(transition: Transition, name: string, at: Date): void {
    const consent = this.consent(name);
    if (!mayHappen(transition, consent.state)) throw new Error(`${transition} ${name}: not when ${consent.state}`);
    const { to } = transitions[transition];
    const ended = to !== 'active' && to !== 'suspended';
    this.consents.set(name, {
      ...consent,
      state: to,
      endedAt: ended ? at : undefined,
      ...(transition === 'verify-mandate' && { mandateVerifiedAt: at }),
      ...(transition === 'new-version' && {
        version: consent.version + 1,
        record: { ...consent.record, version: consent.version + 1, collectedAt: at.toISOString() },
      }),
    });
  }
}
