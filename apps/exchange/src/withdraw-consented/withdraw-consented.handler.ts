import { type Basis, liftingConsents, readManifest } from '#envelope';
import { type Clock, type ConsentId, type ErrorCode, type ExchangeId, type Sha256, unwrap } from '#kernel';
import type { Queryable } from '#messaging';
import { isUnopened } from '../domain/message-state.js';
import { endingForCode } from '../domain/settle-message.js';
import { ExchangeLedger, type LedgerParts } from '../infra/exchange-ledger.js';
import type { MessageRow } from '../infra/rows.js';
import type { AddressedNotice } from './consent-notices.js';

export interface EndedConsent {
  readonly consentId: ConsentId;
  readonly code: ErrorCode;
  /** The last version that has ended, where a newer one goes on. */
  readonly upTo?: number;
}

const restsOn = ({ secrecyLift }: Basis, { consentId, upTo = Infinity }: EndedConsent): boolean =>
  liftingConsents(secrecyLift).some(({ id, version }) => id === consentId && version <= upTo);

interface Resting {
  readonly manifest_hash: Sha256;
  readonly exchange_id: ExchangeId;
}

/**
 * A consent, or a version of one, has ended: unopened messages that rest on it are withdrawn, except while a release that audit may still grant is
 * under way; those end as soon as it has failed. An open exchange ends too when all that was asked rests on that consent.
 */
export class WithdrawConsented {
  constructor(
    private readonly parts: LedgerParts,
    private readonly clock: Clock,
  ) {}

  /** @param told notices for mailboxes, put there in the same transaction */
  async withdraw(
    client: Queryable,
    ended: readonly EndedConsent[],
    told: readonly AddressedNotice[] = [],
  ): Promise<void> {
    const { rows } = await client.query<Resting>({
      name: 'exchange.resting-on-consents',
      text: `SELECT DISTINCT ON (manifest_hash) manifest_hash, exchange_id
             FROM unnest($1::uuid[]) AS given (consent) JOIN exchange.messages ON consents @> ARRAY[given.consent]
             WHERE state IN ('available', 'delivered', 'released')`,
      values: [ended.map(({ consentId }) => consentId)],
    });
    const ledger = await ExchangeLedger.lock(
      client,
      this.parts,
      rows.map(({ exchange_id }) => exchange_id),
      this.clock.now(),
    );
    await ledger.load(rows.map(({ manifest_hash }) => manifest_hash));
    for (const { manifest_hash } of rows) {
      const message = ledger.message(manifest_hash);
      if (!message) continue;
      const { basis } = unwrap(readManifest(message.manifest)).context;
      const end = ended.find((one) => basis.some((item) => restsOn(item, one)));
      if (!end) continue;
      if (isUnopened(message.state)) this.endOrDefer(ledger, message, end.code);
      else if (basis.every((item) => ended.some((one) => restsOn(item, one))))
        this.endQuestion(ledger, message, end.code);
    }
    // With the same ledger: mailboxes are locked once, in their order.
    for (const { agency, notice } of told) ledger.putNotice(agency, notice);
    await ledger.flush();
  }

  private endOrDefer(ledger: ExchangeLedger, message: MessageRow, code: ErrorCode): void {
    if (message.releasingUntil && message.releasingUntil > ledger.now) {
      message.endsWith = code;
      ledger.changed(message);
    } else {
      ledger.end(message, endingForCode(code), code);
    }
  }

  /** The question was opened and may still be answered, unless no category of it has another basis. */
  private endQuestion(ledger: ExchangeLedger, message: MessageRow, code: ErrorCode): void {
    const exchange = ledger.exchange(message.exchangeId);
    if (!exchange || exchange.state !== 'open' || exchange.openingMessage !== message.manifestHash) return;
    const fact = ledger.moveExchange(exchange, 'end-basis', message, code);
    ledger.notify([exchange.asker, exchange.holder], ledger.outcomeOf(message, 'withdrawn', code), fact);
  }
}
