import { type Clock, type ErrorCode, type ExchangeId, type Sha256, isErrorCode } from '#kernel';
import { dayInHelsinki, deadlineFor } from '#calendar';
import { findDeadline } from '#catalogue';
import type { Queryable } from '#messaging';
import type { Logger } from '#platform';
import { objectionStartsAtRelease } from '../domain/exchange-state.js';
import { isUnopened } from '../domain/message-state.js';
import { endingForCode, endingOf } from '../domain/settle-message.js';
import type { CurrentCatalogue } from '../infra/current-catalogue.js';
import { ExchangeLedger, type LedgerParts } from '../infra/exchange-ledger.js';
import type { MessageRow } from '../infra/rows.js';

/** What audit says became of a release request: by its answer or, when that was lost, by its event. */
export interface ReleaseOutcome {
  readonly exchangeId: ExchangeId;
  readonly manifestHash: Sha256;
  readonly result: 'released' | { readonly refused: string; readonly final: boolean };
}

/**
 * Takes over what audit has logged. Audit owns these facts, so no entry is written here; applied twice, by answer and by
 * event in whatever order, it has one effect.
 */
export class SettleReleases {
  constructor(
    private readonly parts: LedgerParts,
    private readonly catalogue: CurrentCatalogue,
    private readonly clock: Clock,
    private readonly logger: Logger,
  ) {}

  async settle(client: Queryable, outcomes: readonly ReleaseOutcome[]): Promise<void> {
    const ledger = await ExchangeLedger.lock(
      client,
      this.parts,
      outcomes.map(({ exchangeId }) => exchangeId),
      this.clock.now(),
    );
    await ledger.load(outcomes.map(({ manifestHash }) => manifestHash));
    for (const outcome of outcomes) {
      const message = ledger.message(outcome.manifestHash);
      if (!message) throw new Error('audit released a message that exchange does not have');
      if (outcome.result === 'released') this.released(ledger, message);
      else this.refused(ledger, message, outcome.result);
    }
    await ledger.flush();
  }

  private released(ledger: ExchangeLedger, message: MessageRow): void {
    if (message.state === 'available') {
      ledger.move(message, 'acknowledge');
      ledger.record('message-delivered', message);
    }
    const first = isUnopened(message.state);
    const before = ledger.exchange(message.exchangeId)?.state;
    if (!ledger.move(message, 'release')) {
      const { exchangeId, messageId, state } = message;
      this.logger.error({ exchangeId, messageId, state }, 'audit released a message that had ended');
      return;
    }
    message.releasingUntil = undefined;
    message.endsWith = undefined;
    if (!first) return;
    const exchange = ledger.exchange(message.exchangeId);
    if (!exchange || exchange.openingMessage !== message.manifestHash) return;
    if (exchange.state === 'open' && objectionStartsAtRelease(exchange.openedBy) && !exchange.deadline) {
      exchange.deadline = this.objectionDeadline(ledger.now);
      ledger.putExchange(exchange);
    }
    if (exchange.state !== before) ledger.notify([message.sender], ledger.outcomeOf(message, 'closed'));
  }

  private refused(
    ledger: ExchangeLedger,
    message: MessageRow,
    { refused, final }: { readonly refused: string; readonly final: boolean },
  ): void {
    const code: ErrorCode = isErrorCode(refused) ? refused : 'NO_BASIS';
    if (!isUnopened(message.state)) return;
    const waiting = message.endsWith;
    message.releasingUntil = undefined;
    message.endsWith = undefined;
    ledger.changed(message);
    if (final) {
      const ending = endingForCode(code);
      if (!ledger.move(message, ending, code)) return;
      ledger.notify([message.recipient], ledger.outcomeOf(message, 'release-refused', code));
      ledger.notify([message.sender], ledger.outcomeOf(message, endingOf(ending).notice, code));
    } else if (waiting) {
      ledger.end(message, endingForCode(waiting), waiting);
    }
  }

  private objectionDeadline(now: Date): Date | undefined {
    const rule = findDeadline(this.catalogue.get().deadlines, 'normal', dayInHelsinki(now));
    return rule.ok ? deadlineFor(rule.value, now) : undefined;
  }
}
