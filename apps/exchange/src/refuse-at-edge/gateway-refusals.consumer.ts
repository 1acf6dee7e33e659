import { GatewayRefusal, topics } from '#contracts';
import type { Outcome } from '#envelope';
import { adviceOf, isAgencyId, isErrorCode, isExchangeId, isMessageId, isSha256 } from '#kernel';
import { InboxConsumer, type InboxConsumerOptions } from '#messaging';
import type { ConfirmLogged } from '../confirm-logged/confirm-logged.handler.js';

/** gateway.refusals.v1: the agency was told at once, unsigned; the signed word comes with the log's receipt. */
export class GatewayRefusalsConsumer extends InboxConsumer<GatewayRefusal> {
  constructor(
    confirm: ConfirmLogged,
    options: Omit<InboxConsumerOptions<GatewayRefusal>, 'decode' | 'idOf' | 'exchangeOf' | 'handle' | 'consumer'>,
  ) {
    super({
      ...options,
      consumer: topics.gatewayRefusals,
      decode: ({ value }) => GatewayRefusal.decode(value),
      idOf: ({ log }) => log?.eventId ?? '',
      handle: async (client, messages) => {
        const awaited = messages.flatMap(({ body }) => {
          const outcome = outcomeOf(body);
          return outcome && isAgencyId(body.agency)
            ? [{ event_id: body.log!.eventId, agency: body.agency, outcome }]
            : [];
        });
        if (awaited.length > 0) await confirm.await(client, awaited);
      },
    });
  }
}

/** Undefined for what was so malformed that it named no message: nobody waits for word of it. */
function outcomeOf({ agency, log }: GatewayRefusal): Outcome | undefined {
  if (!log || !isAgencyId(agency) || !isExchangeId(log.exchangeId) || !isMessageId(log.messageId)) return undefined;
  const code = isErrorCode(log.code) ? log.code : 'MALFORMED';
  return {
    type: 'rejected',
    exchangeId: log.exchangeId,
    messageId: log.messageId,
    sender: agency,
    ...(isSha256(log.manifestHash) && { manifestHash: log.manifestHash }),
    code,
    detail: adviceOf(code),
    at: (log.at ?? new Date(0)).toISOString(),
  };
}
