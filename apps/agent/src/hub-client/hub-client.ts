import { type AgencyId, AppError, isAgencyId, isErrorCode } from '#kernel';
import { logKeysFile, parseReceipt, type Receipt } from '#envelope';
import type { AccessToken } from './access-token.js';
import type { DpopKey } from './dpop-key.js';
import { headerOf, type HttpAnswer, HubHttp, jsonOf, member } from './hub-http.js';

/** Messages and releases go in posts of at most so many. */
export const MAX_BATCH = 64;

export interface SealedParts {
  readonly manifest: string;
  readonly capsule: string;
  readonly outer: string;
}

export type Submission =
  | { readonly status: 'submitted'; readonly messageId: string }
  | { readonly status: 'refused'; readonly error: AppError };

export interface RecordedReport {
  /** Of the entry that says so. */
  readonly leafIndex: number;
  /** Looks in an emergency at entries about the client in which this agency is a party; of a refusal none. */
  readonly emergencyLooks: readonly {
    readonly at: string;
    /** Who looked. */
    readonly agency: AgencyId;
    readonly type: string;
    readonly leafIndex: number;
  }[];
}

export interface MailItem {
  readonly number: number;
  readonly message?: { readonly manifest: string; readonly outer: string };
  readonly notice?: string;
}

export type ReleaseOutcome =
  | { readonly released: { readonly receipt: Receipt; readonly consistencyProof: readonly Buffer[] } }
  | { readonly refused: AppError; readonly final: boolean };

/** The hub's edge as one agency sees it: its own token, its own DPoP key. */
export class HubClient {
  private nonce: string | undefined;

  constructor(
    private readonly gateway: HubHttp,
    private readonly token: AccessToken,
    private readonly dpop: DpopKey,
  ) {}

  /** One outcome a message, in order. @throws AppError when the post as a whole did not get through */
  async postMessages(messages: readonly SealedParts[]): Promise<Submission[]> {
    const answer = await this.post('/v1/messages', { messages });
    const items = arrayOf(member(answer, 'messages'));
    if (items.length !== messages.length) throw unexpected();
    return items.map((item): Submission => {
      const messageId = member(item, 'messageId');
      if (member(item, 'status') === 'submitted' && typeof messageId === 'string')
        return { status: 'submitted', messageId };
      return { status: 'refused', error: problemToError(member(item, 'problem')) };
    });
  }

  /** Mail after a position, which thereby is acknowledged. Waits up to `wait` seconds for some. */
  async readMailbox(after: number, wait: number, signal?: AbortSignal): Promise<MailItem[]> {
    const answer = await this.get(`/v1/mailbox?after=${after}&wait=${wait}`, signal);
    return arrayOf(member(answer, 'items')).map((item): MailItem => {
      const number = member(item, 'number');
      if (!Number.isSafeInteger(number)) throw unexpected();
      const manifest = member(member(item, 'message'), 'manifest');
      const outer = member(member(item, 'message'), 'outer');
      const notice = member(item, 'notice');
      return {
        number: number as number,
        ...(typeof manifest === 'string' && typeof outer === 'string' ? { message: { manifest, outer } } : {}),
        ...(typeof notice === 'string' ? { notice } : {}),
      };
    });
  }

  async release(
    releases: readonly { readonly releaseRequest: string; readonly seenSize: number }[],
  ): Promise<ReleaseOutcome[]> {
    const results = arrayOf(member(await this.post('/v1/releases', { releases }), 'results'));
    if (results.length !== releases.length) throw unexpected();
    return results.map(releaseOutcomeOf);
  }

  async reportMismatch(mismatch: string): Promise<void> {
    await this.post('/v1/mismatches', { mismatch });
  }

  /** That a client's account was given or refused. */
  async recordReport(decision: string): Promise<RecordedReport> {
    const answer = await this.post('/v1/audit/reports', { decision });
    const emergencyLooks = arrayOf(member(answer, 'emergencyLooks')).map((look) => {
      const [at, agency] = [member(look, 'at'), member(look, 'agency')];
      if (typeof at !== 'string' || Number.isNaN(Date.parse(at)) || !isAgencyId(agency)) throw unexpected();
      return { at, agency, type: String(member(look, 'type')), leafIndex: indexOf(member(look, 'leafIndex')) };
    });
    return { leafIndex: indexOf(member(answer, 'leafIndex')), emergencyLooks };
  }

  recordConsent(record: string): Promise<unknown> {
    return this.post('/v1/consents', { record });
  }

  actOnConsent(act: string): Promise<unknown> {
    return this.post('/v1/consents/acts', { act });
  }

  proposeConsent(proposal: string): Promise<unknown> {
    return this.post('/v1/consents/proposals', { proposal });
  }

  linkSubject(link: string): Promise<unknown> {
    return this.post('/v1/subjects/links', { link });
  }

  excludeDecider(exclusion: string): Promise<unknown> {
    return this.post('/v1/subjects/exclusions', { exclusion });
  }

  /** Would a message of this context be allowed? Counts nothing. */
  askBasis(context: string): Promise<unknown> {
    return this.post('/v1/basis-checks', { context });
  }

  /** Everything about a subject, whichever agency is concerned, on the signed word of whom this agency has identified. */
  showAccount(subject: string, identification: string): Promise<unknown> {
    return this.post('/v1/accounts', { subject, identification });
  }

  /** Consents about a subject of which this agency is a party. */
  consentsOf(subject: string): Promise<unknown> {
    return this.get(`/v1/consents?${new URLSearchParams({ subject }).toString()}`);
  }

  exchange(id: string): Promise<unknown> {
    return this.get(`/v1/exchanges/${encodeURIComponent(id)}`);
  }

  private get(path: string, signal?: AbortSignal): Promise<unknown> {
    return this.authorized('GET', path, undefined, signal);
  }

  private post(path: string, body: object): Promise<unknown> {
    return this.authorized('POST', path, JSON.stringify(body));
  }

  /** Repeats once where the hub wants a (fresh) nonce or no longer takes the token. */
  private async authorized(
    method: 'GET' | 'POST',
    path: string,
    body?: string,
    signal?: AbortSignal,
  ): Promise<unknown> {
    let answer = await this.once(method, path, body, signal);
    if (answer.status === 401) {
      if (codeOf(answer) !== 'USE_DPOP_NONCE') this.token.forget();
      answer = await this.once(method, path, body, signal);
    }
    return jsonOf(answer);
  }

  private async once(method: 'GET' | 'POST', path: string, body?: string, signal?: AbortSignal): Promise<HttpAnswer> {
    const accessToken = await this.token.get();
    const url = new URL(path, this.gateway.origin);
    const proof = this.dpop.prove({
      method,
      url: `${url.origin}${url.pathname}`,
      accessToken,
      ...(this.nonce === undefined ? {} : { nonce: this.nonce }),
    });
    const answer = await this.gateway.ask({
      method,
      path: `${url.pathname}${url.search}`,
      headers: {
        authorization: `DPoP ${accessToken}`,
        dpop: proof,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
      ...(signal === undefined ? {} : { signal }),
    });
    this.nonce = headerOf(answer, 'dpop-nonce') ?? this.nonce;
    return answer;
  }
}

/**
 * What anybody may ask the hub without a token: the log, the directory, and to publish key records, which prove
 * themselves.
 */
export class PublicHub {
  constructor(private readonly gateway: HubHttp) {}

  /** The log's newest checkpoint, a signed note. */
  async checkpoint(): Promise<string> {
    const answer = await this.get('/v1/log/checkpoint');
    const checkpoint = member(answer, 'checkpoint');
    if (typeof checkpoint !== 'string') throw unexpected();
    return checkpoint;
  }

  /** The newest checkpoint that the hub's own policy counts as witnessed, with its cosignatures; undefined where there is none. */
  async cosignedCheckpoint(): Promise<string | undefined> {
    const answer = await this.gateway.ask({ method: 'GET', path: '/log/checkpoint.cosigned' });
    if (answer.status === 404) return undefined;
    if (answer.status === 200) return answer.text;
    throw new AppError('UNAVAILABLE', 'the hub does not show its witnessed checkpoint');
  }

  /** How each key of the log follows from the one before; undefined where the hub shows none. */
  async logKeys(): Promise<string | undefined> {
    const answer = await this.gateway.ask({ method: 'GET', path: `/log/${logKeysFile}` });
    if (answer.status === 404) return undefined;
    if (answer.status === 200) return answer.text;
    throw new AppError('UNAVAILABLE', 'the hub does not show the keys of its log');
  }

  /** Entries `from` to before `to`, perhaps fewer. */
  async entries(from: number, to: number): Promise<Buffer[]> {
    const answer = await this.get(`/v1/log/entries?from=${from}&to=${to}`);
    return arrayOf(member(answer, 'entries')).map((entry) => {
      if (typeof entry !== 'string') throw unexpected();
      return Buffer.from(entry, 'base64');
    });
  }

  async consistency(first: number, second: number): Promise<Buffer[]> {
    return hashesOf(member(await this.get(`/v1/log/consistency?first=${first}&second=${second}`), 'hashes'));
  }

  async agencies(): Promise<unknown[]> {
    return arrayOf(member(await this.get('/v1/directory/agencies'), 'agencies'));
  }

  /** The catalogue as text, so that its hash can be compared with the logged one. */
  async catalogue(): Promise<{ version: number; json: string }> {
    const answer = await this.get('/v1/directory/catalogue');
    const version = member(answer, 'version');
    const json = member(answer, 'json');
    if (typeof version !== 'number' || typeof json !== 'string') throw unexpected();
    return { version, json };
  }

  route(query: Record<string, string>): Promise<unknown> {
    return this.get(`/v1/directory/route?${new URLSearchParams(query).toString()}`);
  }

  async publishKeys(records: readonly string[]): Promise<void> {
    await this.post('/v1/onboarding/keys', { records });
  }

  async revokeKey(revocation: string): Promise<void> {
    await this.post('/v1/keys/revocations', { revocation });
  }

  private async get(path: string): Promise<unknown> {
    return jsonOf(await this.gateway.ask({ method: 'GET', path, headers: { accept: 'application/json' } }));
  }

  private async post(path: string, body: object): Promise<unknown> {
    const headers = { 'content-type': 'application/json' };
    return jsonOf(await this.gateway.ask({ method: 'POST', path, headers, body: JSON.stringify(body) }));
  }
}

function releaseOutcomeOf(result: unknown): ReleaseOutcome {
  const released = member(result, 'released');
  if (released === undefined) {
    const problem = member(result, 'refused');
    return { refused: problemToError(problem), final: member(problem, 'final') === true };
  }
  const receipt = parseReceipt(member(released, 'receipt'));
  if (!receipt.ok) return { refused: receipt.error, final: false };
  return { released: { receipt: receipt.value, consistencyProof: hashesOf(member(released, 'consistencyProof')) } };
}

function problemToError(problem: unknown): AppError {
  const code = member(problem, 'code');
  const detail = member(problem, 'detail');
  return new AppError(isErrorCode(code) ? code : 'INTERNAL', typeof detail === 'string' ? detail : undefined);
}

const codeOf = (answer: HttpAnswer): unknown => {
  try {
    return member(JSON.parse(answer.text), 'code');
  } catch {
    return undefined;
  }
};

const arrayOf = (value: unknown): unknown[] => {
  if (!Array.isArray(value)) throw unexpected();
  return value;
};

function indexOf(value: unknown): number {
  if (!Number.isSafeInteger(value)) throw unexpected();
  return value as number;
}

const hashesOf = (value: unknown): Buffer[] =>
  arrayOf(value).map((hash) => {
    if (typeof hash !== 'string') throw unexpected();
    return Buffer.from(hash, 'base64');
  });

const unexpected = (): AppError => new AppError('UNAVAILABLE', 'the hub answered in an unknown shape');
