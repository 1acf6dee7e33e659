interface Received {
  readonly state: string;
  readonly reply: string | null;
}

/**
 * Where an exchange stands, in one word, as this agency sees it. For an asker: how far its last message has come. For a
 * holder: what is still to be done. What is over says how.
 */
export function stageOf(
  exchange: { readonly role: 'asker' | 'holder'; readonly state: string },
  sent: readonly { readonly messageId: string; readonly state: string }[],
  received: readonly Received[],
  statesAtHub: ReadonlyMap<string, string>,
): string {
  if (exchange.role === 'holder') return holderStage(exchange, received);
  if (received.some(({ state }) => state === 'delivered' || state === 'releasing')) return 'answer-delivered';
  if (exchange.state !== 'open') return exchange.state;
  const last = sent.at(-1);
  if (last === undefined) return exchange.state;
  if (statesAtHub.get(last.messageId) === 'released') return 'opened';
  return last.state === 'sealed' || last.state === 'posted' ? 'submitted' : last.state;
}

function holderStage(exchange: { readonly state: string }, received: readonly Received[]): string {
  if (received.some(({ state }) => state === 'delivered' || state === 'releasing')) return 'delivered';
  if (received.some(({ reply }) => reply === 'due')) return 'waits-for-decision';
  return received.some(({ reply }) => reply === 'decided') ? 'decided' : exchange.state;
}
