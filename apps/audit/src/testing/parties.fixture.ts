import { randomBytes } from 'node:crypto';
import type { AgencyKey, Snapshot } from '#contracts';
import {
  type Basis,
  type ClearRecord,
  type KeyRecord,
  type MessageContext,
  type ReceivingKey,
  type RecipientKey,
  type SealedMessage,
  type SigningKey,
  generateReceivingKey,
  generateSigningKey,
  grantEach,
  importRecipientKey,
  parseContext,
  pseudonymOf,
  sealMessage,
  signStatement,
} from '#envelope';
import { type AgencyId, type ConsentId, agencyId, newExchangeId, newMessageId, numericDate, unwrap } from '#kernel';
import { SnapshotView } from '#platform';

export interface Party {
  readonly id: AgencyId;
  readonly signing: SigningKey;
  /** Of its auditor. */
  readonly auditing: SigningKey;
  readonly receiving: ReceivingKey;
}

export async function party(id: string): Promise<Party> {
  const [signing, auditing, receiving] = await Promise.all([
    generateSigningKey(),
    generateSigningKey(),
    generateReceivingKey(),
  ]);
  return { id: agencyId(id), signing, auditing, receiving };
}

const DAY_MS = 24 * 60 * 60 * 1000;

export interface KeyState {
  readonly revokedAt?: Date;
  readonly notAfter?: Date;
}

export const directoryOf = (
  parties: readonly Party[],
  states: ReadonlyMap<string, KeyState> = new Map(),
): SnapshotView => new SnapshotView(directorySnapshot(parties, states));

/** A directory that knows these parties as active, with their keys logged yesterday. */
export function directorySnapshot(
  parties: readonly Party[],
  states: ReadonlyMap<string, KeyState> = new Map(),
  now = new Date(),
): Snapshot {
  const key = (agency: AgencyId, use: string, { kid, publicJwk }: SigningKey | ReceivingKey): AgencyKey => ({
    agency,
    use,
    kid,
    jwkJson: JSON.stringify(publicJwk),
    notBefore: new Date(now.getTime() - DAY_MS),
    notAfter: states.get(kid)?.notAfter ?? new Date(now.getTime() + 365 * DAY_MS),
    revokedAt: states.get(kid)?.revokedAt,
    leafIndex: 0n,
    record: '',
  });
  return {
    version: 1n,
    agencies: parties.map(({ id }) => ({
      id,
      kind: id.charAt(0),
      businessId: '0000000-0',
      nameFi: id,
      nameSv: id,
      status: 'active',
      contact: undefined,
    })),
    keys: parties.flatMap(({ id, signing, auditing, receiving }) => [
      key(id, 'signing', signing),
      key(id, 'auditor-signing', auditing),
      key(id, 'receiving', receiving),
    ]),
    catalogue: { version: 1, json: '{}' },
  };
}

/** The clear records of the keys that a snapshot shows, each signed by its owner, in the order of the snapshot. */
export const keyRecords = (snapshot: Snapshot, parties: readonly Party[]): Promise<ClearRecord[]> =>
  Promise.all(
    snapshot.keys.map(async ({ agency, use, jwkJson, notBefore, notAfter }): Promise<ClearRecord> => {
      const owner = parties.find(({ id }) => id === agency);
      if (!owner || !notBefore || !notAfter) throw new Error('a key of nobody');
      const record = await signStatement(
        'agency-key',
        {
          v: 1,
          agency: owner.id,
          use: use as KeyRecord['use'],
          jwk: JSON.parse(jwkJson) as KeyRecord['jwk'],
          notBefore: notBefore.toISOString(),
          notAfter: notAfter.toISOString(),
          iat: numericDate(notBefore),
        },
        owner.signing,
      );
      return { type: 'agency-key', record };
    }),
  );

const pseudonymKey = { version: 1, key: randomBytes(32) };
/** Never given to a real person: individual number 900 to 999. */
const testCode = '010190-900P';

export const statuteBasis = (categories: number[]): Basis => ({
  categories,
  processing: { sender: '681/2023-87', recipient: '681/2023-87' },
  secrecyLift: { statute: { id: '681/2023-87', version: 1 } },
});

/** What an agency signs about a client's consent to it. */
export const consentStatement = (by: Party, id: ConsentId, version = 1): Promise<string> =>
  signStatement(
    'consent',
    {
      v: 1,
      id,
      version,
      subject: unwrap(pseudonymOf(pseudonymKey, 'henkilotunnus', testCode)),
      standing: 'adult',
      deciders: [{ role: 'self' }],
      collectingAgency: by.id,
      grants: grantEach([11], { disclosers: [by.id], recipients: [agencyId('K-235')] }),
      purposes: ['plan'],
      uses: { kind: 'repeated' },
      validFrom: new Date(Date.now() - DAY_MS).toISOString(),
      validUntil: new Date(Date.now() + 30 * DAY_MS).toISOString(),
      method: 'written',
      interpreter: false,
      language: 'fi',
      noticeVersion: 'notice-1',
      collectedAt: new Date(Date.now() - DAY_MS).toISOString(),
    },
    by.signing,
  );

export interface SealedFor {
  readonly context: MessageContext;
  readonly message: SealedMessage;
}

/** A sealed answer from one party to another; members of the context as wished. */
export async function sealedMessage(
  sender: Party,
  recipient: Party,
  releaseKey: ReceivingKey | RecipientKey,
  wished: Partial<MessageContext> = {},
): Promise<SealedFor> {
  const now = numericDate(new Date());
  const pseudonym = unwrap(pseudonymOf(pseudonymKey, 'henkilotunnus', testCode));
  const context = unwrap(
    parseContext({
      v: 1,
      suite: 'KV1',
      messageId: newMessageId(),
      exchangeId: newExchangeId(),
      kind: 'referral',
      sender: sender.id,
      recipient: recipient.id,
      recipientKey: recipient.receiving.kid,
      subjects: [pseudonym],
      purpose: 'plan',
      categories: [11],
      basis: [statuteBasis([11])],
      iat: now,
      exp: now + 30 * 24 * 60 * 60,
      blobs: [],
      ...wished,
    }),
  );
  const message = unwrap(
    await sealMessage({
      context,
      subjects: context.subjects.map((one) => ({ pseudonym: one, type: 'henkilotunnus', value: testCode })),
      content: { need: 'ä' },
      signingKey: sender.signing,
      recipientKey: unwrap(await importRecipientKey(recipient.receiving.publicJwk)),
      releaseKey: unwrap(await importRecipientKey('jwk' in releaseKey ? releaseKey.jwk : releaseKey.publicJwk)),
    }),
  );
  return { context, message };
}
