import { createHmac } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Pool } from 'undici';
import { AppError, err, isAgencyId, numericDate, ok, type Clock, type Result } from '#kernel';
import type { AdapterSettings } from '../agency-settings.js';
import { type Draft, draftOfNoRow } from '../domain/draft-rules.js';
import type { DraftAdapter, RegisterQuestion } from './draft-adapter.js';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/**
 * Asks the agency's own system by a signed call: `Kotovayla-Signature: t=<seconds>,v1=<hex>`, an HMAC-SHA-256 over
 * `<seconds>.<body>` under a secret that both hold. The body names the client, so the address is the agency's own.
 *
 * Answers: 200 with `{ items: [{ category, outcome, content?, asOf?, source?, reason?, holder? }] }`; 202 leaves the request
 * to a person or a later call of the agent's API.
 */
export class WebhookAdapter implements DraftAdapter {
  private readonly url: URL;
  private readonly pool: Pool;

  constructor(
    private readonly settings: AdapterSettings,
    private readonly clock: Clock,
  ) {
    this.url = new URL(settings.url ?? '');
    this.pool = new Pool(this.url.origin, { connections: 4, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  }

  async fill(question: RegisterQuestion): Promise<Result<ReadonlyMap<number, Draft | undefined>>> {
    const body = JSON.stringify({
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
    });
    try {
      const response = await this.pool.request({
        method: 'POST',
        path: `${this.url.pathname}${this.url.search}`,
        headers: { 'content-type': 'application/json', 'kotovayla-signature': await this.signatureOf(body) },
        body,
      });
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

  private async signatureOf(body: string): Promise<string> {
    const secret = (await readFile(this.settings.secretFile ?? '')).toString('utf8').trim();
    const at = numericDate(this.clock.now());
    return `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`;
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
