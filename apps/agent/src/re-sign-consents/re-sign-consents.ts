import { randomUUID } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { keyVersionOf, type PseudonymKey, pseudonymOf, statementHash } from '#envelope';
import { AppError, type Clock, numericDate, type Pseudonym, unwrap } from '#kernel';
import { CLOCK, Database, LOGGER, type Logger } from '#platform';
import { KnownConsents } from '../choose-basis/known-consents.js';
import { type BothPseudonyms, renamed } from '../domain/re-sign.js';
import { ClientStore } from '../infra/client-store.js';
import { ConsentStore, type KeptConsent } from '../infra/consent-store.js';
import { LogStore } from '../infra/log-store.js';
import { type KeptLink, LinkStore } from '../infra/link-store.js';
import { type KeptExclusion, type KeptProposal, ProposalStore } from '../infra/proposal-store.js';
import type { ClientIdentity } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { TellStatements } from '../tell-consents/tell-statements.js';

export const RE_SIGN_BATCH = 16;
const MOST_LOOKED_AT = 1_024;
/** What does not run now, or cannot be signed, is looked at again after so long. */
const LOOK_AGAIN_MS = 3_600_000;
/** By whose hand exclusions and links are said again: nobody's. */
const BY_ITSELF = 'pseudonym key rotation';

/**
 * When a new pseudonym key is in use, signs the agency's running consents and open proposals again under it, and says again who
 * may not decide for whom and which numbers are one person's. The hub cannot see that both pseudonyms name one person: the collecting agency's signature says so (design page 2,
 * Subjects: no aliases).
 */
@Injectable()
export class ReSignConsents {
  private readonly lookAgainAt = new Map<string, Date>();

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(ConsentStore) private readonly consents: ConsentStore,
    @Inject(KnownConsents) private readonly known: KnownConsents,
    @Inject(ProposalStore) private readonly proposals: ProposalStore,
    @Inject(LinkStore) private readonly links: LinkStore,
    @Inject(ClientStore) private readonly clients: ClientStore,
    @Inject(TellStatements) private readonly statements: TellStatements,
    @Inject(LogStore) private readonly logStore: LogStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** One batch. Returns how many were signed. */
  async runOnce(agency: ServedAgency): Promise<number> {
    // With one key there is nothing to sign again.
    if (agency.onboarding || agency.pseudonymVersions().length < 2) return 0;
    const key = unwrap(agency.pseudonymKey());
    const exclusions = await this.proposals.exclusionsToRepeat(agency.id, key.version, RE_SIGN_BATCH);
    // First, so that nobody decides in between who may not.
    for (const exclusion of exclusions) await this.sayAgain(agency, exclusion, key);
    const now = this.clock.now();
    const known = await this.consents.underOtherKey(agency.id, key.version, now, MOST_LOOKED_AT);
    const due = known.filter(({ id }) => (this.lookAgainAt.get(id) ?? now) <= now).slice(0, RE_SIGN_BATCH);
    let signed = exclusions.length;
    for (const consent of due) {
      const done = (await this.runs(agency, consent)) && (await this.signAgain(agency, consent, key));
      if (done) signed += 1;
      else this.lookAgain(consent.id, now);
    }
    const open = await this.proposals.underOtherKey(agency.id, key.version, now, RE_SIGN_BATCH);
    for (const proposal of open) if (await this.proposeAgain(agency, proposal, key)) signed += 1;
    // Last: the hub takes a link from a party to something about the person under the new key.
    if (due.length === 0) signed += await this.linkAgain(agency, key, now);
    return signed;
  }

  private lookAgain(what: string, now: Date): void {
    this.lookAgainAt.set(what, new Date(now.getTime() + LOOK_AGAIN_MS));
  }

  /** An open question, word for word: who answers it answers the same. */
  private async proposeAgain(agency: ServedAgency, kept: KeptProposal, key: PseudonymKey): Promise<boolean> {
    const { id, client } = kept;
    const named = (who: ClientIdentity): Pseudonym => unwrap(pseudonymOf(key, who.type, who.value));
    const proposal = { ...kept.proposal, subject: named(client) };
    const deciders = kept.deciders.map((one) =>
      one.named.person ? { ...one, decider: { ...one.decider, pseudonym: named(one.named.person) } } : one,
    );
    const token = await this.statements.sign(agency, 'consent-proposal', proposal);
    return this.database.transaction(async (transaction) => {
      const renamed = { proposal, statementHash: statementHash(token), deciders };
      if (!(await this.proposals.rename(transaction, agency.id, renamed))) return false;
      const statement = { kind: 'consent-proposal', consentId: id, version: 0, token } as const;
      await this.statements.keep(transaction, agency, statement);
      return true;
    });
  }

  /** Those of persons about whom something is known under the new key; the others would join pseudonyms for nothing. */
  private async linkAgain(agency: ServedAgency, key: PseudonymKey, now: Date): Promise<number> {
    const links = await this.links.toRepeat(agency.id, key.version, MOST_LOOKED_AT);
    let told = 0;
    for (const { client, former } of links) {
      const [subject, earlier] = [client, former].map((who) => unwrap(pseudonymOf(key, who.type, who.value)));
      if (!subject || !earlier || (this.lookAgainAt.get(subject + earlier) ?? now) > now) continue;
      this.lookAgain(subject + earlier, now);
      if ((await this.clients.known(agency.id, [subject, earlier])).length === 0) continue;
      await this.linkOnce(agency, { subject, earlier, client, former }, now);
      told += 1;
    }
    return told;
  }

  private async linkOnce(agency: ServedAgency, link: KeptLink, at: Date): Promise<void> {
    const { subject, earlier } = link;
    const token = await this.statements.sign(agency, 'subject-link', {
      v: 1,
      subject,
      earlier,
      agency: agency.id,
      worker: agency.workerPseudonym(BY_ITSELF),
      jti: randomUUID(),
      iat: numericDate(at),
    });
    await this.database.transaction(async (transaction) => {
      const seq = await this.statements.keep(transaction, agency, { kind: 'subject-link', token });
      await this.links.add(transaction, agency.id, link, seq, at);
    });
  }

  /** By the hub's word: another party may have suspended or withdrawn it. */
  private async runs(agency: ServedAgency, { id, version, subject }: KeptConsent): Promise<boolean> {
    const told = (await this.known.about(agency, subject)).consents.find((one) => one.id === id);
    return told?.state === 'active' && told.version === version;
  }

  private async signAgain(agency: ServedAgency, consent: KeptConsent, key: PseudonymKey): Promise<boolean> {
    const { id, record, client, deciders } = consent;
    try {
      if (client === null || deciders === null)
        throw new AppError('CONFLICT', 'the persons are not known by name here');
      const next = unwrap(
        renamed(
          record,
          this.both(agency, consent, client, key),
          deciders.map(({ person }) => person && this.both(agency, consent, person, key)),
        ),
      );
      const token = await this.statements.sign(agency, 'consent', next);
      await this.database.transaction(async (transaction) => {
        await this.consents.add(transaction, agency.id, {
          record: next,
          token,
          state: 'signed',
          client,
          deciders,
          ...(consent.officer === null ? {} : { officer: consent.officer }),
          ...(consent.evidence === null || consent.evidenceSalt === null
            ? {}
            : { evidence: { text: consent.evidence, salt: consent.evidenceSalt } }),
          at: this.clock.now(),
        });
        const statement = { kind: 'consent', consentId: id, version: next.version, token } as const;
        await this.statements.keep(transaction, agency, statement);
      });
      this.logger.info({ agency: agency.id, consentId: id, version: next.version }, 'consent signed again');
      return true;
    } catch (error) {
      if (!(error instanceof AppError) || error.status >= 500) throw error;
      const detail = `consent ${id} cannot be signed under the new pseudonym key; ask the client again`;
      const raised = await this.logStore.raise({ agency: agency.id, code: error.code, detail }, this.clock.now());
      if (raised)
        this.logger.error({ alarm: error.code, agency: agency.id, consentId: id }, 'consent not signed again');
      return false;
    }
  }

  private both(agency: ServedAgency, { subject }: KeptConsent, who: ClientIdentity, key: PseudonymKey): BothPseudonyms {
    const present = unwrap(agency.vault.pseudonymKey(keyVersionOf(subject)));
    return {
      present: unwrap(pseudonymOf(present, who.type, who.value)),
      next: unwrap(pseudonymOf(key, who.type, who.value)),
    };
  }

  private async sayAgain(agency: ServedAgency, { client, person }: KeptExclusion, key: PseudonymKey): Promise<void> {
    const at = this.clock.now();
    const subject = unwrap(pseudonymOf(key, client.type, client.value));
    const decider = unwrap(pseudonymOf(key, person.type, person.value));
    const token = await this.statements.sign(agency, 'decider-exclusion', {
      v: 1,
      subject,
      decider,
      reason: 'conflict-of-interest',
      agency: agency.id,
      worker: agency.workerPseudonym(BY_ITSELF),
      jti: randomUUID(),
      iat: numericDate(at),
    });
    await this.database.transaction(async (transaction) => {
      await this.proposals.exclude(transaction, agency.id, { subject, decider, client, person }, at);
      await this.statements.keep(transaction, agency, { kind: 'decider-exclusion', token });
    });
  }
}
