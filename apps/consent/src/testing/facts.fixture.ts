import { readFileSync } from 'node:fs';
import type { Catalogue, CategorySchema } from '#catalogue';
import {
  type Basis,
  type ConsentProposal,
  type ConsentRecord,
  type Grant,
  grantEach,
  kindRules,
  type MessageContext,
  type MessageKind,
} from '#envelope';
import {
  type AgencyId,
  agencyId,
  type ConsentId,
  type ExchangeId,
  type MessageId,
  numericDate,
  type Pseudonym,
  type Sha256,
  type Thumbprint,
} from '#kernel';
import type { Consent } from '../domain/consent-state.js';
import type { Facts } from '../domain/decide-basis.js';

const read = (name: string): unknown => JSON.parse(readFileSync(`apps/directory/data/${name}`, 'utf8'));
const categories = read('categories.json') as Catalogue['categories'];

/** The catalogue that the directory's snapshot carries. */
export const catalogue: Catalogue = {
  categories,
  purposes: read('purposes.json') as Catalogue['purposes'],
  refusalReasons: read('refusal-reasons.json') as Catalogue['refusalReasons'],
  statutes: read('statutes.json') as Catalogue['statutes'],
  territories: read('territories.json') as Catalogue['territories'],
  deadlines: read('deadlines.json') as Catalogue['deadlines'],
  necessityTemplates: read('necessity-templates.json') as Catalogue['necessityTemplates'],
  schemas: Object.fromEntries(categories.map(({ number, schema }) => [String(number), read(schema) as CategorySchema])),
};

export const municipality = agencyId('K-235');
export const county = agencyId('H-07');
export const employmentAuthority = agencyId('T-32');
export const kela = agencyId('L-KELA');

export const client = `p1.${'C'.repeat(42)}A` as Pseudonym;
export const somebodyElse = `p1.${'D'.repeat(42)}A` as Pseudonym;
export const consentId = '11111111-1111-4111-8111-111111111111' as ConsentId;
export const otherConsentId = '22222222-2222-4222-8222-222222222222' as ConsentId;
export const exchange = (n: number): ExchangeId =>
  `33333333-3333-4333-8333-${String(n).padStart(12, '0')}` as ExchangeId;

export const now = new Date('2026-11-22T10:00:00Z');
export const daysLater = (days: number): Date => new Date(now.getTime() + days * 86_400_000);

/** From the county to the municipality, unless changed. */
export const grants = (
  numbers: readonly number[],
  { disclosers = [county], recipients = [municipality] }: { disclosers?: AgencyId[]; recipients?: AgencyId[] } = {},
): Grant[] => grantEach(numbers, { disclosers, recipients });

/** Functional ability, from the county to the municipality, for making the plan. */
export const recordOf = (changes: Partial<ConsentRecord> = {}): ConsentRecord => ({
  v: 1,
  id: consentId,
  version: 1,
  subject: client,
  standing: 'adult',
  deciders: [{ role: 'self' }],
  collectingAgency: municipality,
  grants: grants([12]),
  purposes: ['plan'],
  uses: { kind: 'repeated' },
  validFrom: '2026-11-01T00:00:00Z',
  validUntil: '2027-05-01T00:00:00Z',
  method: 'written',
  interpreter: true,
  language: 'so',
  noticeVersion: 'notice-1',
  collectedAt: '2026-11-01T00:00:00Z',
  ...changes,
});

/** What asks for the same. */
export const proposalOf = (changes: Partial<ConsentProposal> = {}): ConsentProposal => ({
  v: 1,
  id: consentId,
  subject: client,
  standing: 'adult',
  collectingAgency: municipality,
  wanted: grants([12]),
  purposes: ['plan'],
  uses: { kind: 'repeated' },
  validUntil: '2027-05-01T00:00:00Z',
  language: 'so',
  noticeVersion: 'notice-1',
  createdAt: '2026-11-01T00:00:00Z',
  lapsesAt: '2026-12-01T00:00:00Z',
  ...changes,
});

export const consentOf = (record: ConsentRecord = recordOf(), changes: Partial<Consent> = {}): Consent => ({
  id: record.id,
  version: record.version,
  state: 'active',
  record,
  endedAt: undefined,
  ...changes,
});

/** Provision on which both parties process whatever the purpose; it lifts no secrecy. */
const processing = { sender: '2016/679-6.1.e', recipient: '2016/679-6.1.e' };

export const byConsent = (changes: Partial<Basis> = {}, id = consentId, version = 1): Basis => ({
  categories: [12],
  processing,
  secrecyLift: { consent: { id, version } },
  ...changes,
});

export const byStatute = (changes: Partial<Basis> = {}, id = '681/2023-87', version = 1): Basis => ({
  categories: [11],
  processing,
  secrecyLift: { statute: { id, version } },
  ...changes,
});

/** The county's answer to the municipality, unless changed. */
export function contextOf(changes: Partial<MessageContext> = {}): MessageContext {
  const kind: MessageKind = changes.kind ?? 'answer';
  const basis = changes.basis ?? (kindRules[kind].needsBasis ? [byConsent()] : []);
  return {
    v: 1,
    suite: 'KV1',
    messageId: '44444444-4444-4444-8444-444444444444' as MessageId,
    exchangeId: exchange(1),
    kind,
    ...(kindRules[kind].repliesTo === 'required' && { inReplyTo: `${'H'.repeat(42)}A` as Sha256 }),
    sender: kindRules[kind].gate === 'standing' ? municipality : county,
    recipient: kindRules[kind].gate === 'standing' ? county : municipality,
    recipientKey: `${'R'.repeat(42)}A` as Thumbprint,
    subjects: [client],
    purpose: 'plan',
    categories: basis.flatMap(({ categories: covered }) => covered).sort((a, b) => a - b),
    basis,
    iat: numericDate(now) - 60,
    exp: numericDate(now) + 86_400,
    blobs: [],
    ...changes,
  };
}

export const factsOf = (changes: Partial<Facts> & { readonly stored?: readonly Consent[] } = {}): Facts => {
  const { stored = [consentOf()], ...others } = changes;
  return {
    catalogue,
    consents: new Map(stored.map((consent) => [consent.id, consent])),
    uses: [],
    links: [],
    exclusions: [],
    activeAgencies: new Set([municipality, county, employmentAuthority, kela]),
    now,
    ...others,
  };
};
