import { Pool } from 'undici';
import { AppError, err, isAgencyId, ok, type Clock, type Result } from '#kernel';
import type { AdapterSettings } from '../agency-settings.js';
import { type Draft, draftOfNoRow } from '../domain/draft-rules.js';
import { callSigned } from '../infra/signed-call.js';
import type { DraftAdapter, RegisterQuestion } from './draft-adapter.js';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Asks the agency's own system by a signed call. The body names the client, so the address is the agency's own.
 *
 * Answers: 200 with `{ items: [{ category, outcome, content?, asOf?, source?, reason?, holder? }] }`; 202 leaves the request
 * to a person or a later call of the agent's API.
 */
export class WebhookAdapter implements DraftAdapter {
  private readonly pool: Pool;

  constructor(
    private readonly settings: AdapterSettings,
    private readonly clock: Clock,
  ) {
    this.pool = new Pool(new URL(settings.url ?? '').origin, { connections: 4 });
  }

  async fill(question: RegisterQuestion): Promise<Result<ReadonlyMap<number, Draft | undefined>>> {
    const { url = '', secretFile = '' } = this.settings;
    const content = {
      agency: question.agency,
      exchangeId: question.exchangeId,
      messageId: question.messageId,
      asker: question.asker,
      client: { type: question.client.type, value: question.client.value, name: question.client.name },
      categories: question.categories,
      purpose: question.request.purpose,
      necessity: question.request.necessity,
      period: question.request.period,
      officer: question.request.officer,
    };
    try {
      const by = { clock: this.clock, timeoutMs: TIMEOUT_MS, dispatcher: this.pool };
      const response = await callSigned({ url, secretFile }, content, by);
      const text = await response.body.text();
      if (response.statusCode === 202) return ok(new Map(question.categories.map((category) => [category, undefined])));
      if (response.statusCode !== 200 || text.length > MAX_ANSWER_BYTES) return failed();
      return this.draftsOf(JSON.parse(text), question);
    } catch (cause) {
      return failed(cause);
    }
  }

  close(): Promise<void> {
    return this.pool.destroy();
  }

  private draftsOf(answer: unknown, question: RegisterQuestion): Result<ReadonlyMap<number, Draft | undefined>> {
    const items = member(answer, 'items');
    if (!Array.isArray(items)) return failed();
    const drafts = new Map<number, Draft | undefined>();
    for (const item of items as unknown[]) {
      const category = member(item, 'category');
      if (typeof category !== 'number' || !question.categories.includes(category)) return failed();
      drafts.set(category, this.draftOf(item, question.today));
    }
    return ok(drafts);
  }

  private draftOf(item: unknown, today: string): Draft | undefined {
    const asOf = text(member(item, 'asOf')) ?? today;
    const source = text(member(item, 'source')) ?? this.settings.source ?? 'register';
    const content = member(item, 'content');
    const reason = text(member(item, 'reason'));
    const holder = member(item, 'holder');
    switch (member(item, 'outcome')) {
      case 'given':
        return isObject(content) ? { outcome: 'given', content, asOf, source } : undefined;
      case 'no-record':
        return draftOfNoRow(this.settings.noRecord === 'told', asOf, source);
      case 'refused':
        return reason === undefined
          ? undefined
          : { outcome: 'refused', reason, ...(isAgencyId(holder) ? { holder } : {}) };
      default:
        return undefined;
    }
  }
}

const failed = (cause?: unknown) => err(new AppError('ADAPTER_FAILED', undefined, {}, { cause }));
const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const member = (value: unknown, name: string): unknown => (isObject(value) ? value[name] : undefined);
const text = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);
