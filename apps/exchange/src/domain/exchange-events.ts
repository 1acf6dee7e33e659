/**
 * What happens to an exchange. `continue`: a message that leaves it open; `answer`, `refuse`, `cancel`: messages that close
 * it; `receive`: what wants no answer was opened by its recipient, and nobody objected in time; `pass-deadline`: the
 * deadline or the unopened opening message's exp has passed; `end-basis`: what it was opened on does not hold any more;
 * `fail-delivery`: its opening message cannot be delivered.
 */
export const exchangeEvents = [
  'continue',
  'answer',
  'refuse',
  'cancel',
  'receive',
  'pass-deadline',
  'end-basis',
  'fail-delivery',
] as const;
export type ExchangeEvent = (typeof exchangeEvents)[number];
