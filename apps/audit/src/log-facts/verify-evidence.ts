import { LRUCache } from 'lru-cache';
import type { Evidence, LogRecord } from '#contracts';
import {
  type ConsentActType,
  type Manifest,
  type StatementType,
  type VerificationKey,
  readManifest,
  readStatement,
  statementHash,
  verifyManifest,
  verifyStatement,
} from '#envelope';
import {
  type AgencyId,
  AppError,
  type Result,
  type Sha256,
  type Thumbprint,
  canonicalJson,
  err,
  ok,
  sha256,
} from '#kernel';
import type { Assertion } from '../domain/entry-body.js';
import type { AgencyKeys } from '../infra/agency-keys.js';

/** By which kind of evidence an agency itself says what an entry says. Of the others the hub is the witness. */
const assertedBy: Readonly<Record<string, readonly string[]>> = {
  'message-accepted': ['manifest'],
  'exchange-answered': ['manifest'],
  'exchange-refused': ['manifest'],
  'consent-recorded': ['consent'],
  'consent-superseded': ['consent'],
  'consent-requested': ['consent-proposal'],
  'consent-withdrawn': ['consent-act'],
  'consent-suspended': ['consent-act'],
  'consent-resumed': ['consent-act'],
  'consent-revoked': ['consent-act'],
  'consent-invalidated': ['consent-act'],
  'consent-denied': ['consent-act'],
  'consent-cancelled': ['consent-act'],
  'consent-expired': ['consent-act'],
  'consent-mandate-verified': ['consent-act'],
  'consent-suspension-lifted': ['consent-act'],
  'subject-linked': ['subject-link'],
  'decider-excluded': ['decider-exclusion'],
  'account-shown': ['account-identification'],
};

/** What an entry about an act is called: the entry and the agency's own words must say the same. */
const typesOfAct: Readonly<Record<ConsentActType, readonly string[]>> = {
  withdraw: ['consent-withdrawn'],
  suspend: ['consent-suspended'],
  // Another's suspension may remain.
  resume: ['consent-resumed', 'consent-suspension-lifted'],
  revoke: ['consent-revoked'],
  invalidate: ['consent-invalidated'],
  deny: ['consent-denied'],
  cancel: ['consent-cancelled'],
  'end-plan': ['consent-expired'],
  'verify-mandate': ['consent-mandate-verified'],
};

const evidenceKind = /^[a-z][A-Za-z0-9-]{0,31}$/;
const manifestsInMemory = 4_096;

/** Verifies what producers send along, by the agencies' logged keys and nobody's word. */
export class EvidenceVerifier {
  /** A manifest comes with several events and again with the release: verified once for each key. */
  private readonly manifests = new LRUCache<string, Result<Manifest>>({ max: manifestsInMemory });

  constructor(private readonly keys: AgencyKeys) {}

  /** Hash of each token, and whether an agency's own signature carries the entry. Errors: MALFORMED. */
  async assertionOf(record: LogRecord, at: Date): Promise<Result<Assertion>> {
    const hashes: Record<string, Sha256> = {};
    for (const { kind, token } of record.evidence) {
      if (!evidenceKind.test(kind) || token === '')
        return err(new AppError('MALFORMED', undefined, { field: 'evidence' }));
      hashes[kind] = statementHash(token);
    }
    const kinds = assertedBy[record.type] ?? [];
    const carrying = record.evidence.filter(({ kind }) => kinds.includes(kind));
    const verified = await Promise.all(carrying.map((evidence) => this.carries(evidence, record, at)));
    return ok({ evidence: hashes, assertedBy: verified.includes(true) ? 'agency' : 'hub' });
  }

  async manifest(token: string, key: VerificationKey): Promise<Result<Manifest>> {
    const name = `${key.kid} ${sha256(token)}`;
    const known = this.manifests.get(name);
    if (known) return known;
    const verified = await verifyManifest(token, key);
    this.manifests.set(name, verified);
    return verified;
  }

  private async carries({ kind, token }: Evidence, record: LogRecord, at: Date): Promise<boolean> {
    if (kind === 'manifest') return this.manifestCarries(token, record, at);
    if (kind === 'consent') {
      const read = readStatement('consent', token);
      if (!read.ok) return false;
      const key = await this.keys.signing(read.value.payload.collectingAgency, read.value.kid, at);
      const verified = key.ok && (await verifyStatement('consent', token, key.value)).ok;
      const { id, version } = read.value.payload;
      return (
        verified &&
        id === record.consentId &&
        (version === record.consentVersion || record.type === 'consent-superseded')
      );
    }
    if (kind === 'consent-act') return this.actCarries(token, record, at);
    if (kind === 'consent-proposal') {
      const read = readStatement('consent-proposal', token);
      if (!read.ok) return false;
      const { id, collectingAgency } = read.value.payload;
      return id === record.consentId && this.isSigned('consent-proposal', token, collectingAgency, read.value.kid, at);
    }
    if (kind === 'subject-link') {
      const read = readStatement('subject-link', token);
      if (!read.ok) return false;
      const { subject, earlier, agency } = read.value.payload;
      return (
        record.subjects.join(' ') === [subject, earlier].join(' ') &&
        this.isSigned('subject-link', token, agency, read.value.kid, at)
      );
    }
    if (kind === 'decider-exclusion') {
      const read = readStatement('decider-exclusion', token);
      if (!read.ok) return false;
      const { subject, agency } = read.value.payload;
      return (
        record.subjects.join(' ') === subject && this.isSigned('decider-exclusion', token, agency, read.value.kid, at)
      );
    }
    if (kind === 'account-identification') {
      const read = readStatement('account-identification', token);
      if (!read.ok) return false;
      const { subject, agency } = read.value.payload;
      return (
        record.subjects.join(' ') === subject &&
        this.isSigned('account-identification', token, agency, read.value.kid, at)
      );
    }
    return false;
  }

  private async actCarries(token: string, record: LogRecord, at: Date): Promise<boolean> {
    const read = readStatement('consent-act', token);
    if (!read.ok) return false;
    const { consentId, act, agency } = read.value.payload;
    return (
      consentId === record.consentId &&
      typesOfAct[act].includes(record.type) &&
      this.isSigned('consent-act', token, agency, read.value.kid, at)
    );
  }

  private async isSigned(
    type: StatementType,
    token: string,
    agency: AgencyId,
    kid: Thumbprint,
    at: Date,
  ): Promise<boolean> {
    const key = await this.keys.signing(agency, kid, at);
    return key.ok && (await verifyStatement(type, token, key.value)).ok;
  }

  private async manifestCarries(token: string, record: LogRecord, at: Date): Promise<boolean> {
    const read = readManifest(token);
    if (!read.ok) return false;
    const key = await this.keys.signing(read.value.context.sender, read.value.kid, at);
    if (!key.ok) return false;
    const verified = await this.manifest(token, key.value);
    return verified.ok && saysTheSame(record, verified.value);
  }
}

/** A record may leave out what the manifest says, but not say something else. */
function saysTheSame(record: LogRecord, { manifestHash, context }: Manifest): boolean {
  const pairs: readonly (readonly [string, string])[] = [
    [record.sender, context.sender],
    [record.recipient, context.recipient],
    [record.exchangeId, context.exchangeId],
    [record.messageId, context.messageId],
    [record.purpose, context.purpose],
    [record.subjects.join(' '), context.subjects.join(' ')],
    [record.categories.join(' '), context.categories.join(' ')],
  ];
  return (
    record.manifestHash === manifestHash &&
    pairs.every(([said, signed]) => said === '' || said === signed) &&
    (record.basisJson === '' || sameJson(record.basisJson, context.basis))
  );
}

function sameJson(json: string, value: unknown): boolean {
  try {
    return canonicalJson(JSON.parse(json)) === canonicalJson(value);
  } catch {
    return false;
  }
}
