import type { AgencyId } from '#kernel';
import { bodyOf, eventually, type TestAgent } from './test-agent.fixture.js';

export const officer = { name: 'Aino Asiantuntija', title: 'kotoutumisasiantuntija', unit: 'Kotoutumispalvelut' };
export const client = { type: 'henkilotunnus', value: '010190-900P', name: 'Testi Henkilö' };

export interface MailSummary {
  readonly messageId: string;
  readonly exchangeId: string;
  readonly state: string;
  readonly reply?: string;
  readonly code?: string;
}

export interface ShownExchange {
  readonly state: string;
  readonly stage: string;
  readonly code?: string;
  readonly forwardedTo?: string;
  readonly messages: readonly ShownMessage[];
}

export interface ShownMessage {
  readonly messageId: string;
  readonly direction: string;
  readonly kind: string;
  readonly state: string;
  readonly code?: string;
  readonly leafIndex?: number;
  readonly content?: { readonly items?: readonly ShownItem[]; readonly decidedBy?: object } & Record<string, unknown>;
}

export interface ShownItem {
  readonly category: number;
  readonly outcome: string;
  readonly reason?: string;
  readonly content?: unknown;
}

/** Asks the holder for categories and gives the exchange's id. */
export async function ask(
  agent: TestAgent,
  recipient: string,
  categories: readonly number[],
  more: object = {},
): Promise<string> {
  const asked = agent
    .system('K-235')
    .post('/v1/requests', {
      client,
      categories,
      purpose: 'plan',
      necessity: 'Suunnitelman laatiminen',
      caseNumber: 'KAU/1/2026',
      officer,
      recipient,
      ...more,
    })
    .expect(202);
  const { exchanges } = await bodyOf<{ exchanges: { exchangeId: string; recipient: AgencyId }[] }>(asked);
  return exchanges[0]?.exchangeId ?? '';
}

/** The mail of an exchange at an agency, once it is as wished. */
export const mailOf = (
  agent: TestAgent,
  id: string,
  exchangeId: string,
  wished: (mail: MailSummary) => boolean,
): Promise<MailSummary> =>
  eventually(`mail of ${exchangeId} at ${id}`, async () => {
    const { messages } = await bodyOf<{ messages: MailSummary[] }>(agent.system(id).get('/v1/inbox'));
    return messages.find((mail) => mail.exchangeId === exchangeId && wished(mail));
  });

/** The request, opened and waiting for an answer. */
export const requestAt = (agent: TestAgent, id: string, exchangeId: string): Promise<MailSummary> =>
  mailOf(agent, id, exchangeId, ({ reply }) => reply === 'due');

/** An exchange at an agency, once it is as wished. */
export const exchangeAt = (
  agent: TestAgent,
  id: string,
  exchangeId: string,
  wished: (exchange: ShownExchange) => boolean,
): Promise<ShownExchange> =>
  eventually(`exchange ${exchangeId} at ${id}`, async () => {
    const shown = await bodyOf<ShownExchange>(agent.system(id).get(`/v1/exchanges/${exchangeId}`));
    return Array.isArray(shown.messages) && wished(shown) ? shown : undefined;
  });

export interface ShownAlarm {
  readonly id: number;
  readonly code: string;
  readonly detail: string;
  readonly acknowledged?: { readonly name: string; readonly note?: string; readonly at: string };
}

export const alarmsOf = async (agent: TestAgent, id: string): Promise<ShownAlarm[]> =>
  (await bodyOf<{ alarms: ShownAlarm[] }>(agent.system(id).get('/v1/alarms'))).alarms;

export interface ShownKey {
  readonly use: string;
  readonly thumbprint: string;
  readonly version?: number;
  readonly current: boolean;
  readonly leafIndex?: number;
  readonly usableUntil?: string;
  readonly revokedAt?: string;
}

export const keysAt = async (agent: TestAgent, id: string): Promise<ShownKey[]> =>
  (await bodyOf<{ keys: ShownKey[] }>(agent.system(id).get('/v1/keys'))).keys;

/** The newest key of a use, once the log shows it. */
export const loggedKeyAt = (
  agent: TestAgent,
  id: string,
  use: string,
  not: readonly string[] = [],
): Promise<ShownKey> =>
  eventually(`a logged ${use} key of ${id}`, async () =>
    (await keysAt(agent, id)).find(
      (key) => key.use === use && key.current && key.leafIndex !== undefined && !not.includes(key.thumbprint),
    ),
  );
