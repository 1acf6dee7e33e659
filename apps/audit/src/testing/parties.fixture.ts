import { randomBytes } from 'node:crypto';
import type { AgencyKey, Snapshot } from '#contracts';
import {
  type Basis,
  type MessageContext,
  type ReceivingKey,
  type RecipientKey,
  type SealedMessage,
  type SigningKey,
  generateReceivingKey,
  generateSigningKey,
  importRecipientKey,
  parseContext,
  pseudonymOf,
  sealMessage,
} from '#envelope';
import { type AgencyId, agencyId, newExchangeId, newMessageId, numericDate, unwrap } from '#kernel';
import { SnapshotView } from '#platform';

export interface Party {
  readonly id: AgencyId;
  readonly signing: SigningKey;
  readonly receiving: ReceivingKey;
}

export async function party(id: string): Promise<Party> {
  return { id: agencyId(id), signing: await generateSigningKey(), receiving: await generateReceivingKey() };
}

const DAY_MS = 24 * 60 * 60 * 1000;

export interface KeyState {
  readonly revokedAt?: Date;
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
    notAfter: new Date(now.getTime() + 365 * DAY_MS),
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
    keys: parties.flatMap(({ id, signing, receiving }) => [
      key(id, 'signing', signing),
      key(id, 'receiving', receiving),
    ]),
    catalogue: { version: 1, json: '{}' },
  };
}

const pseudonymKey = { version: 1, key: randomBytes(32) };
/** Never given to a real person: individual number 900 to 999. */
const testCode = '010190-900P';

export const statuteBasis = (categories: number[]): Basis => ({
  categories,
  processing: { sender: '681/2023-87', recipient: '681/2023-87' },
  secrecyLift: { statute: { id: '681/2023-87', version: 1 } },
});

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
