import { type GetExchangeResponse, GetExchangeResponse as GetExchangeResponseMessage } from '#contracts';
import type { AgencyId, ExchangeId } from '#kernel';
import type { Database } from '#platform';
import { messageColumns } from '../infra/ledger-statements.js';
import { type ExchangeSql, type MessageSql, openedExchangeOf } from '../infra/rows.js';

type StatedMessage = MessageSql & { readonly changed_at: Date };

/** The state of an exchange and its messages, for its parties and nobody else. */
export class ShowExchange {
  constructor(private readonly database: Database) {}

  /** A party sees the whole exchange; who is none sees its own refused messages only, as an exchange without a state. */
  async show(agency: AgencyId, id: ExchangeId): Promise<GetExchangeResponse | undefined> {
    const exchanges = await this.database.query<ExchangeSql>({
      name: 'exchange.show-exchange',
      text: `SELECT id, state, opened_by, asker, holder, opening_message, categories, deadline, last_number, opened_at,
                    closed_at
             FROM exchange.exchanges WHERE id = $1 AND $2 IN (asker, holder)`,
      values: [id, agency],
    });
    const messages = await this.database.query<StatedMessage>({
      name: 'exchange.show-messages',
      text: `SELECT ${messageColumns}, changed_at
             FROM exchange.messages LEFT JOIN exchange.message_leaves USING (manifest_hash)
             WHERE exchange_id = $1 AND (sender = $2 OR (recipient = $2 AND state <> 'rejected'))
             ORDER BY received_at, message_id`,
      values: [id, agency],
    });
    const row = exchanges.rows[0];
    const exchange = row && openedExchangeOf(row);
    if (!exchange && messages.rows.length === 0) return undefined;
    return GetExchangeResponseMessage.fromPartial({
      exchangeId: id,
      state: exchange?.state ?? '',
      asker: exchange?.asker ?? '',
      holder: exchange?.holder ?? '',
      ...(exchange?.deadline && { deadline: exchange.deadline }),
      ...(exchange && { openedAt: exchange.openedAt }),
      messages: messages.rows.map((message) => ({
        messageId: message.message_id,
        manifestHash: message.manifest_hash,
        kind: message.kind,
        sender: message.sender,
        recipient: message.recipient,
        state: message.state,
        code: message.code ?? '',
        at: message.changed_at,
        ...(message.leaf_index !== null && { leafIndex: BigInt(message.leaf_index) }),
      })),
    });
  }
}
