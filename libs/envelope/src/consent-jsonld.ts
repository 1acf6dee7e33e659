import { AppError, canonicalJson, err, ok, type Result, type Thumbprint } from '#kernel';
import {
  type ConsentRecord,
  consentRecord,
  type DataPeriod,
  type Decider,
  type Grant,
  type Uses,
} from './consent-record.js';
import type { JsonObject, JsonValue } from './inner.js';
import type { VerificationKey } from './keys.js';
import { isRecord, parseAs } from './shape.js';
import { readStatement, verifyStatement } from './statements.js';

/**
 * A consent record in the terms of W3C DPV 2, by the profile for ISO/IEC TS 27560:2023
 * (https://w3id.org/dpv/guides/consent-27560). What DPV has no term for has one of our own (`kv:`).
 */
const context: JsonObject = {
  dpv: 'https://w3id.org/dpv#',
  dct: 'http://purl.org/dc/terms/',
  kv: 'urn:kotovayla:',
};
const profile = 'https://w3id.org/dpv/schema/dpv-27560#record';

const name = (kind: string, value: string | number): string => `kv:${kind}:${value}`;

/** The value of a name of this kind; what is no such name stays as it is, and the record's own shape refuses it. */
const valueOf = (kind: string, named: unknown): unknown =>
  typeof named === 'string' && named.startsWith(`kv:${kind}:`) ? named.slice(`kv:${kind}:`.length) : named;

const each = (kind: string, named: unknown): unknown =>
  Array.isArray(named) ? named.map((one) => valueOf(kind, one)) : named;

/** Without the members that are undefined. */
const filled = <T extends Record<string, unknown>>(members: T): T =>
  Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined)) as T;

const grantToLd = ({ category, disclosers, recipients }: Grant): JsonObject => ({
  '@type': 'dpv:Process',
  'dpv:hasPersonalData': name('category', category),
  'dpv:hasDataExporter': disclosers.map((agency) => name('agency', agency)),
  'dpv:hasRecipient': recipients.map((agency) => name('agency', agency)),
});

const grantFromLd = (process: unknown): unknown =>
  isRecord(process)
    ? {
        category: Number(valueOf('category', process['dpv:hasPersonalData'])),
        disclosers: each('agency', process['dpv:hasDataExporter']),
        recipients: each('agency', process['dpv:hasRecipient']),
      }
    : process;

const deciderToLd = ({ role, pseudonym, ...members }: Decider): JsonObject =>
  filled({
    '@id': pseudonym && name('person', pseudonym),
    'kv:role': role,
    'kv:reference': members.reference,
    'kv:verifiedAt': members.verifiedAt,
    'kv:validUntil': members.validUntil,
    'kv:namesWithheld': members.namesWithheld,
  }) as JsonObject;

const deciderFromLd = (decider: unknown): unknown =>
  isRecord(decider)
    ? filled({
        role: decider['kv:role'],
        pseudonym: valueOf('person', decider['@id']),
        reference: decider['kv:reference'],
        verifiedAt: decider['kv:verifiedAt'],
        validUntil: decider['kv:validUntil'],
        namesWithheld: decider['kv:namesWithheld'],
      })
    : decider;

const usesToLd = (uses: Uses): JsonObject =>
  uses.kind === 'once'
    ? { '@type': 'dpv:SingularFrequency' }
    : (filled({
        '@type': 'dpv:Frequency',
        'kv:maximum': uses.max,
        'kv:count': uses.frequency?.count,
        'kv:per': uses.frequency?.per,
      }) as JsonObject);

function usesFromLd(frequency: unknown): unknown {
  if (!isRecord(frequency)) return frequency;
  if (frequency['@type'] === 'dpv:SingularFrequency') return { kind: 'once' };
  const [count, per] = [frequency['kv:count'], frequency['kv:per']];
  return filled({
    kind: 'repeated',
    max: frequency['kv:maximum'],
    frequency: count === undefined && per === undefined ? undefined : { count, per },
  });
}

const periodToLd = ({ from, to }: DataPeriod): JsonObject => ({ 'kv:from': from, 'kv:to': to });

const periodFromLd = (period: unknown): unknown =>
  isRecord(period) ? { from: period['kv:from'], to: period['kv:to'] } : period;

/** A record without its signature. */
export const consentTermsToJsonLd = (record: ConsentRecord): JsonObject =>
  filled({
    '@context': context,
    '@id': `urn:uuid:${record.id}`,
    '@type': 'dpv:ConsentRecord',
    'dct:identifier': record.id,
    'dct:conformsTo': profile,
    'dct:hasVersion': record.version,
    'dpv:hasDataSubject': { '@id': name('person', record.subject), 'kv:standing': record.standing },
    'dpv:hasDataController': name('agency', record.collectingAgency),
    'dpv:hasPurpose': record.purposes.map((purpose) => name('purpose', purpose)),
    'dpv:hasProcess': record.grants.map(grantToLd),
    'dpv:hasFrequency': usesToLd(record.uses),
    'dpv:hasConsentStatus': 'dpv:ConsentGiven',
    'dpv:isIndicatedBy': record.deciders.map(deciderToLd),
    'dpv:isIndicatedAtTime': record.collectedAt,
    'dpv:hasIndicationMethod': name('method', record.method),
    'dpv:hasNotice': {
      '@id': name('notice', record.noticeVersion),
      '@type': 'dpv:ConsentNotice',
      'dct:language': record.language,
    },
    'kv:validFrom': record.validFrom,
    'kv:validUntil': record.validUntil,
    'kv:untilPlanEnds': record.untilPlanEnds,
    'kv:dataPeriod': record.dataPeriod && periodToLd(record.dataPeriod),
    'kv:custody': record.custody,
    'kv:interpreter': record.interpreter,
    'kv:witness': record.witness,
    'kv:evidenceHash': record.evidenceHash,
    'kv:proposal': record.proposal,
  } satisfies Record<string, JsonValue | undefined>) as JsonObject;

/** The record that these terms state; what hangs on a signature is `verifyConsentJsonLd`'s. Errors: MALFORMED. */
export function consentTermsFromJsonLd(document: unknown): Result<ConsentRecord> {
  const malformed = (field: string): Result<never> => err(new AppError('MALFORMED', undefined, { field }));
  if (!isRecord(document)) return malformed('');
  const [subject, notice] = [document['dpv:hasDataSubject'], document['dpv:hasNotice']];
  const [deciders, processes] = [document['dpv:isIndicatedBy'], document['dpv:hasProcess']];
  if (!isRecord(subject)) return malformed('dpv:hasDataSubject');
  if (!isRecord(notice)) return malformed('dpv:hasNotice');
  if (!Array.isArray(deciders)) return malformed('dpv:isIndicatedBy');
  if (!Array.isArray(processes)) return malformed('dpv:hasProcess');
  const record = parseAs<ConsentRecord>(
    consentRecord,
    filled({
      v: 1,
      id: document['dct:identifier'],
      version: document['dct:hasVersion'],
      proposal: document['kv:proposal'],
      subject: valueOf('person', subject['@id']),
      standing: subject['kv:standing'],
      deciders: deciders.map(deciderFromLd),
      custody: document['kv:custody'],
      collectingAgency: valueOf('agency', document['dpv:hasDataController']),
      grants: processes.map(grantFromLd),
      purposes: each('purpose', document['dpv:hasPurpose']),
      dataPeriod: periodFromLd(document['kv:dataPeriod']),
      uses: usesFromLd(document['dpv:hasFrequency']),
      validFrom: document['kv:validFrom'],
      validUntil: document['kv:validUntil'],
      untilPlanEnds: document['kv:untilPlanEnds'],
      method: valueOf('method', document['dpv:hasIndicationMethod']),
      interpreter: document['kv:interpreter'],
      witness: document['kv:witness'],
      language: notice['dct:language'],
      noticeVersion: valueOf('notice', notice['@id']),
      evidenceHash: document['kv:evidenceHash'],
      collectedAt: document['dpv:isIndicatedAtTime'],
    }),
  );
  if (!record.ok) return record;
  // Nothing beside what a record says: a reader of the terms must not see more than was signed.
  const terms = Object.fromEntries(Object.entries(document).filter(([member]) => member !== 'kv:signedRecord'));
  return canonicalJson(terms) === canonicalJson(consentTermsToJsonLd(record.value)) ? record : malformed('@context');
}

/** A signed record as JSON-LD, with the record as it was signed, so that it is verified offline. Errors: as `readStatement`. */
export function exportConsentJsonLd(token: string): Result<JsonObject> {
  const read = readStatement('consent', token);
  return read.ok ? ok({ ...consentTermsToJsonLd(read.value.payload), 'kv:signedRecord': token }) : read;
}

/** Whose key is needed to verify it. Errors: MALFORMED, as `readStatement`, HASH_MISMATCH. */
export function readConsentJsonLd(
  document: unknown,
): Result<{ readonly token: string; readonly kid: Thumbprint; readonly record: ConsentRecord }> {
  const terms = consentTermsFromJsonLd(document);
  if (!terms.ok) return terms;
  const token = (document as Record<string, unknown>)['kv:signedRecord'];
  if (typeof token !== 'string') return err(new AppError('MALFORMED', undefined, { field: 'kv:signedRecord' }));
  const read = readStatement('consent', token);
  if (!read.ok) return read;
  const { kid, payload } = read.value;
  return canonicalJson(payload) === canonicalJson(terms.value)
    ? ok({ token, kid, record: payload })
    : err(new AppError('HASH_MISMATCH', 'the terms are not those that were signed'));
}

/**
 * The record, when the terms are those that the collecting agency signed.
 *
 * @param key the agency's signing key, from its log leaf
 * Errors: as `readConsentJsonLd`, SIGNATURE_INVALID
 */
export async function verifyConsentJsonLd(document: unknown, key: VerificationKey): Promise<Result<ConsentRecord>> {
  const read = readConsentJsonLd(document);
  return read.ok ? verifyStatement('consent', read.value.token, key) : read;
}
