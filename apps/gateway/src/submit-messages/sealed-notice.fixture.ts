import { AgencyKey, Snapshot } from '#contracts';
import {
  generateReceivingKey,
  generateSigningKey,
  importRecipientKey,
  type MessageContext,
  type SealedMessage,
  sealMessage,
  type SigningKey,
} from '#envelope';
import { type AgencyId, agencyId, newExchangeId, newMessageId, numericDate, unwrap } from '#kernel';
import { SnapshotView } from '#platform';

const DAY_MS = 86_400_000;
export const sender = agencyId('K-235');
export const now = new Date('2026-03-02T10:00:00Z');

/** A sender whose one signing key is logged, and messages by it that need no basis. */
export class NoticeSender {
  private constructor(readonly signing: SigningKey) {}

  static async create(): Promise<NoticeSender> {
    return new NoticeSender(await generateSigningKey());
  }

  /** The directory as the gateway sees it. */
  directory(key: Partial<AgencyKey> = {}): SnapshotView {
    return new SnapshotView(
      Snapshot.fromPartial({
        keys: [
          {
            agency: sender,
            use: 'signing',
            kid: this.signing.kid,
            jwkJson: JSON.stringify(this.signing.publicJwk),
            notBefore: new Date(now.getTime() - DAY_MS),
            notAfter: new Date(now.getTime() + DAY_MS),
            ...key,
          },
        ],
      }),
    );
  }

  async seal(
    given: Partial<MessageContext> = {},
    by: SigningKey = this.signing,
  ): Promise<SealedMessage & { readonly context: MessageContext }> {
    const recipientKey = unwrap(await importRecipientKey((await generateReceivingKey()).publicJwk));
    const context: MessageContext = {
      v: 1,
      suite: 'KV1',
      messageId: newMessageId(),
      exchangeId: newExchangeId(),
      kind: 'notice',
      sender,
      recipient: agencyId('H-03') satisfies AgencyId,
      recipientKey: recipientKey.kid,
      subjects: [],
      purpose: 'plan',
      categories: [],
      basis: [],
      iat: numericDate(now),
      exp: numericDate(now) + 3_600,
      blobs: [],
      ...given,
    };
    const parts = { context, subjects: [], content: { type: 'test' }, signingKey: by, recipientKey };
    return { ...unwrap(await sealMessage({ ...parts, releaseKey: recipientKey })), context };
  }
}
