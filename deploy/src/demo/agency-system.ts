import type { Problem } from '#kernel';

export interface Officer {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly telephone?: string;
}

export interface OpenedExchange {
  readonly exchangeId: string;
  readonly messageId: string;
  readonly recipient: string;
  readonly categories: number[];
  readonly basis: readonly { categories: number[]; secrecyLift: object }[];
}

export interface ExchangeView {
  readonly exchangeId: string;
  readonly state: string;
  readonly stage: string;
  readonly code?: string;
  readonly messages: readonly {
    readonly messageId: string;
    readonly direction: 'sent' | 'received';
    readonly kind: string;
    readonly state: string;
    readonly code?: string;
    readonly leafIndex?: number;
    readonly content?: MessageContent;
  }[];
}

export interface MessageContent {
  readonly type: string;
  readonly question?: string;
  readonly items?: readonly AnswerItem[];
  readonly decidedBy?: Officer;
}

export interface AnswerItem {
  readonly category: number;
  readonly outcome: 'given' | 'no-record' | 'refused';
  readonly content?: Readonly<Record<string, unknown>>;
  readonly reason?: string;
  readonly provisions?: readonly string[];
  readonly holder?: string;
}

export interface InboxItem {
  readonly messageId: string;
  readonly exchangeId: string;
  readonly sender: string;
  readonly kind: string;
  readonly state: string;
  readonly reply?: string;
  readonly draft?: readonly { readonly category: number; readonly state: string; readonly draft?: object }[];
}

export interface Keys {
  readonly firstKeyThumbprint?: string;
  readonly keys: readonly { readonly use: string; readonly thumbprint?: string; readonly leafIndex?: number }[];
}

/** The agent said no: a problem with its code. */
export class RefusedByAgent extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
  }
}

const POLL_MS = 50;

/** An agency's own system calling its agent over HTTP, as any client register would. */
export class AgencySystem {
  constructor(
    readonly agency: string,
    private readonly url: string,
    private readonly key: string,
  ) {}

  get<T>(path: string): Promise<T> {
    return this.call('GET', path);
  }

  post<T>(path: string, body: unknown = {}): Promise<T> {
    return this.call('POST', path, body);
  }

  exchange(id: string): Promise<ExchangeView> {
    return this.get(`/v1/exchanges/${id}`);
  }

  /** Waits until the exchange is there and as wanted. @throws Error that says how it stood when the time was up */
  async exchangeUntil(
    id: string,
    wanted: (exchange: ExchangeView) => boolean,
    withinMs = 30_000,
  ): Promise<ExchangeView> {
    const look = (): Promise<ExchangeView | undefined> =>
      this.exchange(id).catch((error: unknown) => {
        if (error instanceof RefusedByAgent && error.problem.code === 'NOT_FOUND') return undefined;
        throw error;
      });
    const found = await poll(
      look,
      (exchange) => exchange !== undefined && wanted(exchange),
      withinMs,
      (exchange) => (exchange ? `${exchange.state}/${exchange.stage} ${exchange.code ?? ''}` : 'no such exchange yet'),
    );
    if (!found) throw new Error('no such exchange');
    return found;
  }

  /** Waits for mail of an exchange that is to be answered, with its draft. */
  async mailUntil(exchangeId: string, wanted: (item: InboxItem) => boolean, withinMs = 30_000): Promise<InboxItem> {
    const find = async (): Promise<InboxItem | undefined> => {
      const { messages } = await this.get<{ messages: InboxItem[] }>('/v1/inbox');
      const mail = messages.filter((message) => message.exchangeId === exchangeId && message.reply === 'due').at(-1);
      return mail && this.get(`/v1/inbox/${mail.messageId}`);
    };
    const found = await poll(
      find,
      (item) => item !== undefined && wanted(item),
      withinMs,
      (item) => `mail is ${JSON.stringify(item?.draft ?? item?.state ?? 'not there')}`,
    );
    if (!found) throw new Error('no mail');
    return found;
  }

  private async call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.key}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    const answer: unknown = text === '' ? undefined : JSON.parse(text);
    if (!response.ok) throw new RefusedByAgent(answer as Problem);
    return answer as T;
  }
}

/** Asks again until the answer is as wanted. @throws Error that describes the last answer when the time is up */
export async function poll<T>(
  ask: () => Promise<T>,
  wanted: (answer: T) => boolean,
  withinMs: number,
  describe: (answer: T) => string = () => '',
): Promise<T> {
  const end = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (Date.now() > end) throw new Error(`not in time: ${describe(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
