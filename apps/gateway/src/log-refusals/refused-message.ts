import { AppError, type ExchangeId, type MessageId, type Sha256 } from '#kernel';

/** What a message calls itself. Unverified: only the refusal of this very message may be told under these names. */
export interface MessageNames {
  readonly exchangeId: ExchangeId;
  readonly messageId: MessageId;
  readonly manifestHash: Sha256;
}

/** Why the edge does not take a message, with the message's names where it could be read that far. */
export class RefusedMessage extends AppError {
  constructor(
    { code, detail, details }: AppError,
    readonly names: MessageNames | undefined,
  ) {
    super(code, detail, details);
  }
}
