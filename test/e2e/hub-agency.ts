import { randomUUID } from 'node:crypto';
import { setTimeout } from 'node:timers/promises';
import { calculateJwkThumbprint, CompactSign, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { DirectoryServiceClient } from '#contracts';
import {
  type AuditLook,
  type Basis,
  type ClearRecord,
  type ConsentActType,
  type ConsentRecord,
  grantEach,
  generateReceivingKey,
  generateSigningKey,
  importRecipientKey,
  importVerificationKey,
  decodeEntry,
  type JsonObject,
  type KeyRecord,
  type MessageContext,
  type MessageKind,
  openMessage,
  openReleasedKey,
  type Outcome,
  type PublicJwk,
  type ReceivingKey,
  type RecipientKey,
  type SealedMessage,
  sealMessage,
  type SigningKey,
  signReleaseRequest,
  signStatement,
  readManifest,
  readStatement,
  type VerificationKey,
  verifyReceipt,
  verifyStatement,
} from '#envelope';
import { parseVerifierKey } from '#merkle';
import {
  type AgencyId,
  canonicalJson,
  type ConsentId,
  newConsentId,
  newExchangeId,
  newMessageId,
  numericDate,
  type Problem,
  type Pseudonym,
  sha256,
  type Sha256,
  type Thumbprint,
  unwrap,
} from '#kernel';
import { type GrpcClient, grpcClient } from '#platform';

const PATIENCE_MS = 5_000;

export interface HubAddresses {
  readonly gateway: string;
  readonly issuer: string;
  readonly audience: string;
  readonly directoryGrpc: string;
  /** Public outcome key of exchange, as JSON. */
  readonly outcomeJwk: string;
  /** C2SP verifier key of the log. */
  readonly logVerifierKey: string;
}

export interface HttpAnswer<T> {
  readonly status: number;
  readonly body: T;
  readonly headers: Headers;
}

export interface PreparedCall {
  readonly path: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
}

export interface MailboxItem {
  readonly number: number;
  readonly message?: { manifest: string; outer: string };
  readonly notice?: string;
}

export interface ReleaseResult {
  readonly released?: {
    receipt: { leafIndex: number; inclusionProof: string[]; checkpoint: string; opening: string };
    consistencyProof: string[];
  };
  readonly refused?: Problem & { final: boolean };
}

/** Of an agency's two clients. */
type Role = 'system' | 'auditor';

type ReleaseAnswer = HttpAnswer<{ readonly results: readonly ReleaseResult[] } & Problem>;

interface TokenAnswer {
  readonly access_token?: string;
  readonly expires_in?: number;
  readonly error?: string;
}

interface SignedBy {
  readonly key: CryptoKeyOf | Uint8Array;
  readonly alg: string;
  readonly kid: string | undefined;
}

const DAY_MS = 86_400_000;

/** Code in a notice, unverified. */
export const codeOf = (notice: string): string | undefined => unwrap(readStatement('outcome', notice)).payload.code;
export const hashOf = (manifest: string): Sha256 => unwrap(readManifest(manifest)).manifestHash;
export const aPseudonym = (of: string): Pseudonym => `p1.${sha256(of)}` as Pseudonym;

/** Asks again for some seconds as agents do: audit releases on a consent when its log has it, a moment after it is recorded. */
async function patiently(ask: () => Promise<ReleaseAnswer>): Promise<ReleaseResult> {
  for (const end = Date.now() + PATIENCE_MS; ; await setTimeout(200)) {
    const { status, body } = await ask();
    const result = status === 200 ? body.results[0]! : { refused: { ...body, final: false } };
    if (result.refused?.code !== 'UNAVAILABLE' || Date.now() > end) return result;
  }
}

/**
 * An agency without an agent: real keys, tokens, DPoP proofs and sealed messages, but every step by hand, so that a test can
 * do each of them wrongly.
 */
export class HubAgency {
  private dpop: { key: CryptoKeyOf; jwk: JWK } | undefined;
  /** What tokens are asked for, by the agency's systems and by its auditor. */
  private readonly scopes = { system: 'exchange', auditor: 'audit' };
  private readonly tokens = new Map<Role, { value: string; expiresAt: number }>();
  /** By address: each instance of the gateway takes its own nonces only. */
  private readonly nonces = new Map<string, string>();

  private constructor(
    readonly id: AgencyId,
    readonly hub: HubAddresses,
    public signing: SigningKey,
    public receiving: ReceivingKey,
    readonly client: { key: CryptoKeyOf; jwk: JWK },
    /** Of its auditor: signs what is asked and done. */
    readonly auditing: SigningKey,
    private readonly auditor: { key: CryptoKeyOf; jwk: JWK },
  ) {
    if (this.supervises) this.scopes.auditor = 'audit supervise';
  }

  /** The auditor's next token is asked for with these scopes. */
  askFor(scope: string): void {
    this.scopes.auditor = scope;
    this.tokens.delete('auditor');
  }

  private get supervises(): boolean {
    return this.id.startsWith('A-');
  }

  static async create(id: AgencyId, hub: HubAddresses): Promise<HubAgency> {
    const [client, auditor] = await Promise.all([newClient(), newClient()]);
    const [signing, auditing] = await Promise.all([generateSigningKey(), generateSigningKey()]);
    return new HubAgency(id, hub, signing, await generateReceivingKey(), client, auditing, auditor);
  }

  /** Registered by the operator with its thumbprint. */
  async register(businessId: string): Promise<void> {
    await this.byOperator((directory) =>
      directory.registerAgency({
        id: this.id,
        businessId,
        // Outside the reference data.
        nameFi: this.supervises ? 'Valvova viranomainen' : '',
        nameSv: this.supervises ? 'Tillsynsmyndigheten' : '',
        contact: undefined,
        firstKeyThumbprint: this.signing.kid,
      }),
    );
  }

  async setStatus(status: 'active' | 'suspended'): Promise<void> {
    await this.byOperator((directory) => directory.setAgencyStatus({ id: this.id, status }));
  }

  private async byOperator(act: (directory: GrpcClient<DirectoryServiceClient>) => Promise<unknown>): Promise<void> {
    const directory = grpcClient(DirectoryServiceClient, this.hub.directoryGrpc, { deadlineMs: 30_000 });
    try {
      await act(directory);
    } finally {
      directory.close();
    }
  }

  /** Registered, and its keys published; they count once they are logged. */
  async onboard(businessId: string): Promise<void> {
    await this.register(businessId);
    await this.publish(
      await this.keyRecord('signing', this.signing.publicJwk),
      await this.keyRecord('receiving', this.receiving.publicJwk),
      await this.keyRecord('client-auth', { ...this.client.jwk, alg: 'ES256' } as PublicJwk),
      await this.keyRecord('auditor-signing', this.auditing.publicJwk),
      await this.keyRecord('auditor-auth', { ...this.auditor.jwk, alg: 'ES256' } as PublicJwk),
    );
  }

  keyRecord(use: KeyRecord['use'], jwk: PublicJwk, signer: SigningKey = this.signing): Promise<string> {
    return signStatement(
      'agency-key',
      {
        v: 1,
        agency: this.id,
        use,
        jwk,
        notBefore: new Date(Date.now() - 1_000).toISOString(),
        notAfter: new Date(Date.now() + 365 * DAY_MS).toISOString(),
        iat: numericDate(new Date()),
      },
      signer,
    );
  }

  async publish(...records: readonly string[]): Promise<void> {
    const { status, body } = await this.openly('/v1/onboarding/keys', { records });
    if (status !== 201) throw new Error(`keys not published: ${status} ${JSON.stringify(body)}`);
  }

  async revoke(kid: Thumbprint): Promise<void> {
    const at = new Date();
    const revocation = await signStatement(
      'agency-key-revocation',
      { agency: this.id, kid, at: at.toISOString(), iat: numericDate(at) },
      this.signing,
    );
    const { status, body } = await this.openly('/v1/keys/revocations', { revocation });
    if (status !== 200) throw new Error(`key not revoked: ${status} ${JSON.stringify(body)}`);
  }

  /** A post for which nobody needs a token. */
  private async openly(path: string, body: unknown): Promise<HttpAnswer<unknown>> {
    const response = await fetch(`${this.hub.gateway}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: await response.json(), headers: response.headers };
  }

  async accessToken(as: Role = 'system'): Promise<string> {
    const known = this.tokens.get(as);
    if (known && known.expiresAt > Date.now() + 10_000) return known.value;
    const [assertion, form] = as === 'auditor' ? await this.askingAsAuditor() : [await this.assertion(), {}];
    const { status, body } = await this.requestToken(assertion, await this.proof('POST', this.tokenUrl), form);
    if (!body.access_token) throw new Error(`no token: ${status} ${JSON.stringify(body)}`);
    this.tokens.set(as, { value: body.access_token, expiresAt: Date.now() + (body.expires_in ?? 0) * 1000 });
    return body.access_token;
  }

  private async askingAsAuditor(): Promise<[assertion: string, form: Record<string, string>]> {
    const id = `${this.id}:auditor`;
    const { key, jwk } = this.auditor;
    const assertion = await this.assertion({ iss: id, sub: id }, { key, kid: await calculateJwkThumbprint(jwk) });
    return [assertion, { client_id: id, scope: this.scopes.auditor }];
  }

  /** What its auditor signs of a question, right in everything unless wished otherwise. */
  look(method: string, path: string, given: Partial<AuditLook> = {}, key: SigningKey = this.auditing): Promise<string> {
    const { pathname, searchParams } = new URL(path, this.hub.gateway);
    const { askedBy, ...query } = Object.fromEntries(searchParams);
    const look: AuditLook = {
      v: 1,
      call: `${method} ${pathname}`,
      query,
      scope: this.scopes.auditor.includes('supervise') ? 'all' : 'own',
      agency: this.id,
      ...(askedBy !== undefined && { worker: askedBy }),
      jti: randomUUID(),
      iat: numericDate(new Date()),
      ...given,
    };
    return signStatement('audit-look', look, key);
  }

  get tokenUrl(): string {
    return `${this.hub.issuer}/token`;
  }

  /** @param form replaces members of the request; undefined leaves one out */
  async requestToken(
    assertion: string | undefined,
    proof: string | undefined,
    form: Record<string, string | undefined> = {},
  ): Promise<HttpAnswer<TokenAnswer>> {
    const members = {
      grant_type: 'client_credentials',
      client_id: this.id,
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: assertion,
      scope: this.scopes.system,
      resource: this.hub.audience,
      ...form,
    };
    const response = await fetch(this.tokenUrl, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...(proof === undefined ? {} : { dpop: proof }) },
      body: new URLSearchParams(present(members)),
    });
    return { status: response.status, body: (await response.json()) as TokenAnswer, headers: response.headers };
  }

  /** @param by another key, algorithm or `kid` than is right */
  async assertion(overrides: Record<string, unknown> = {}, by: Partial<SignedBy> = {}): Promise<string> {
    const now = numericDate(new Date());
    const claims = {
      iss: this.id,
      sub: this.id,
      aud: this.hub.issuer,
      jti: randomUUID(),
      iat: now,
      exp: now + 60,
      ...overrides,
    };
    const kid = 'kid' in by ? by.kid : await calculateJwkThumbprint(this.client.jwk);
    return new SignJWT(present(claims))
      .setProtectedHeader({ alg: by.alg ?? 'ES256', typ: 'JWT', ...(kid === undefined ? {} : { kid }) })
      .sign(by.key ?? this.client.key);
  }

  /** @param header replaces members of the protected header */
  async proof(
    method: string,
    url: string,
    overrides: Record<string, unknown> = {},
    header: Record<string, unknown> = {},
  ): Promise<string> {
    const { key, jwk } = await this.dpopKey();
    const claims = {
      htm: method,
      htu: url,
      jti: randomUUID(),
      iat: numericDate(new Date()),
      ...(url.startsWith(this.hub.issuer) ? {} : { nonce: this.nonces.get(this.hub.gateway) }),
      ...overrides,
    };
    return new SignJWT(present(claims)).setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header }).sign(key);
  }

  /** The key that this agency's tokens are bound to. */
  async dpopKey(): Promise<{ key: CryptoKeyOf; jwk: JWK }> {
    if (!this.dpop) {
      const pair = await generateKeyPair('ES256', { extractable: true });
      this.dpop = { key: pair.privateKey, jwk: await exportJWK(pair.publicKey) };
    }
    return this.dpop;
  }

  /**
   * One authenticated call; repeated once when the gateway asks for its nonce.
   *
   * @param at another instance of the gateway behind the same public address
   */
  async call<T>(method: string, path: string, body?: unknown, at = this.hub.gateway): Promise<HttpAnswer<T>> {
    for (let attempt = 0; ; attempt++) {
      const answer = await send<T>(await this.prepared(method, path, body, at), at);
      const asksNonce = answer.status === 401 && (answer.body as { code?: string }).code === 'USE_DPOP_NONCE';
      this.nonces.set(at, answer.headers.get('dpop-nonce') ?? '');
      if (!asksNonce || attempt > 0) return answer;
    }
  }

  /**
   * A call with token and proof, to be sent once, or more often by whoever captured it. The log is asked as the agency's auditor,
   * who signs the question.
   */
  async prepared(method: string, path: string, body?: unknown, at = this.hub.gateway): Promise<PreparedCall> {
    const as: Role = path.startsWith('/v1/audit/') && path !== '/v1/audit/reports' ? 'auditor' : 'system';
    return this.preparedAs(as, { method, path, body, at });
  }

  async preparedAs(
    as: Role,
    { method, path, body, at = this.hub.gateway }: { method: string; path: string; body?: unknown; at?: string },
  ): Promise<PreparedCall> {
    const token = await this.accessToken(as);
    const url = `${this.hub.gateway}${path.split('?')[0]}`;
    const proof = await this.proof(method, url, { ath: sha256(token), nonce: this.nonces.get(at) });
    return {
      path,
      method,
      headers: {
        authorization: `DPoP ${token}`,
        dpop: proof,
        ...(as === 'auditor' && body === undefined ? { 'audit-look': await this.look(method, path) } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    };
  }

  context(to: HubAgency, kind: MessageKind, given: Partial<MessageContext> = {}): MessageContext {
    const now = numericDate(new Date());
    return {
      v: 1,
      suite: 'KV1',
      messageId: newMessageId(),
      exchangeId: newExchangeId(),
      kind,
      sender: this.id,
      recipient: to.id,
      recipientKey: to.receiving.kid,
      subjects: [aPseudonym('client')],
      purpose: 'plan',
      categories: [11],
      basis: [statute([11])],
      ...(kind === 'request' ? { urgency: 'normal' as const } : {}),
      iat: now,
      exp: now + 3_600,
      blobs: [],
      ...given,
    };
  }

  async seal(
    to: HubAgency | RecipientKey,
    context: MessageContext,
    content: JsonObject = { type: 'test' },
  ): Promise<SealedMessage> {
    const subjects = context.subjects.map((pseudonym) => ({
      pseudonym,
      type: 'provisional' as const,
      value: 'test-1',
    }));
    const sealed = await sealMessage({
      context,
      subjects,
      content,
      signingKey: this.signing,
      recipientKey: to instanceof HubAgency ? await asRecipient(to.receiving) : to,
      releaseKey: await releaseKeyOf(this.hub.gateway),
    });
    return unwrap(sealed);
  }

  post(
    ...messages: readonly Pick<SealedMessage, 'manifest' | 'capsule' | 'outer'>[]
  ): Promise<HttpAnswer<{ code?: string; messages?: { status: string; problem?: Problem }[] }>> {
    return this.call('POST', '/v1/messages', {
      messages: messages.map(({ manifest, capsule, outer }) => ({ manifest, capsule, outer })),
    });
  }

  /** The other's newest receiving key, from the clear leaves of the log. */
  async receivingKeyOf(agency: AgencyId): Promise<RecipientKey> {
    let newest: PublicJwk | undefined;
    for await (const record of clearRecords(this.hub.gateway)) {
      if (record.type !== 'agency-key') continue;
      const { payload } = unwrap(readStatement('agency-key', record.record));
      if (payload.agency === agency && payload.use === 'receiving') newest = payload.jwk;
    }
    if (!newest) throw new Error(`the log shows no receiving key of ${agency}`);
    return unwrap(await importRecipientKey(newest));
  }

  /** A manifest over whatever parts, signed by hand: what a sender of ill will can make. */
  async manifest(
    context: MessageContext,
    parts: { capsule: string; outer: string },
    signer: SigningKey = this.signing,
  ): Promise<string> {
    const payload = { context, outerHash: sha256(parts.outer), capsuleHash: sha256(parts.capsule) };
    return new CompactSign(Buffer.from(canonicalJson(payload)))
      .setProtectedHeader({ alg: 'ES256', kid: signer.kid, typ: 'kotovayla-manifest+jws' })
      .sign(signer.privateKey);
  }

  /**
   * What exchange signed about a message, once it is in the mailbox with the log's receipt, both verified.
   *
   * @returns its code; empty where it has none
   */
  async told(type: 'accepted' | 'rejected', messageId: string): Promise<string> {
    const { notice } = await this.mailUntil(this.notice(type, messageId));
    const outcomeKey = unwrap(await importVerificationKey(JSON.parse(this.hub.outcomeJwk)));
    const { code, receipt } = unwrap(await verifyStatement('outcome', notice!, outcomeKey));
    const opening = unwrap(await openReleasedKey(receipt!.opening!, this.receiving));
    const logVerifier = unwrap(parseVerifierKey(this.hub.logVerifierKey));
    const { body } = unwrap(verifyReceipt({ receipt: receipt!, opening, logVerifier, expected: {} }));
    if (body.messageId !== messageId || body.code !== code) throw new Error('the receipt is of another entry');
    return code ?? '';
  }

  /** Reads until an item fits, or throws after the time. */
  async mailUntil(fits: (item: MailboxItem) => boolean, withinMs = 20_000, after = 0): Promise<MailboxItem> {
    const end = Date.now() + withinMs;
    let at = after;
    while (Date.now() < end) {
      const { status, body } = await this.call<{ items: MailboxItem[] }>('GET', `/v1/mailbox?after=${at}&wait=2`);
      if (status !== 200) throw new Error(`mailbox: ${status} ${JSON.stringify(body)}`);
      for (const item of body.items) {
        if (fits(item)) return item;
        at = Math.max(at, item.number);
      }
    }
    throw new Error('no such item came');
  }

  notice(type: string, messageId: string): (item: MailboxItem) => boolean {
    return (item) => this.about(item, messageId)?.type === type;
  }

  /** What a notice says, if the item is one about this message. Unverified. */
  about({ notice }: MailboxItem, messageId: string): Outcome | undefined {
    const read = notice === undefined ? undefined : readStatement('outcome', notice);
    return read?.ok === true && read.value.payload.messageId === messageId ? read.value.payload : undefined;
  }

  message(manifestHash: string): (item: MailboxItem) => boolean {
    return ({ message }) =>
      message !== undefined && unwrap(readManifest(message.manifest)).manifestHash === manifestHash;
  }

  /** All that is in the mailbox now. */
  async mail(): Promise<MailboxItem[]> {
    const items: MailboxItem[] = [];
    for (;;) {
      const after = items.at(-1)?.number ?? 0;
      const { body } = await this.call<{ items: MailboxItem[] }>('GET', `/v1/mailbox?after=${after}`);
      if (body.items.length === 0) return items;
      items.push(...body.items);
    }
  }

  releaseRequest(
    manifestHash: Sha256,
    given: { jti?: string; iat?: number; signer?: SigningKey } = {},
  ): Promise<string> {
    return signReleaseRequest(
      {
        manifestHash,
        agency: this.id,
        worker: 'w-1',
        jti: given.jti ?? randomUUID(),
        iat: given.iat ?? numericDate(new Date()),
      },
      given.signer ?? this.signing,
    );
  }

  postReleases(...requests: readonly string[]): Promise<ReleaseAnswer> {
    return this.call('POST', '/v1/releases', releasesOf(requests));
  }

  /** This request through any instance of the gateway, the same one again where a service is not as far yet. */
  releaseAt(at: string, releaseRequest: string): Promise<ReleaseResult> {
    return patiently(() => this.call('POST', '/v1/releases', releasesOf([releaseRequest]), at));
  }

  release(...wish: Parameters<HubAgency['releaseRequest']>): Promise<ReleaseResult> {
    return patiently(async () => this.postReleases(await this.releaseRequest(...wish)));
  }

  async open(
    from: HubAgency,
    message: { manifest: string; outer: string },
    released: NonNullable<ReleaseResult['released']>,
  ) {
    const key = unwrap(await openReleasedKey(released.receipt.opening, this.receiving));
    return unwrap(
      await openMessage({
        manifest: message.manifest,
        outer: message.outer,
        contentKey: key.contentKey!,
        receivingKey: this.receiving,
        senderKey: await asVerification(from.signing),
      }),
    );
  }

  /** Type of the log entry that a release's receipt proves to this agency. */
  async entryType({ released }: ReleaseResult): Promise<string> {
    const { body } = unwrap(await openReleasedKey(released!.receipt.opening, this.receiving));
    return (JSON.parse(body) as { type: string }).type;
  }

  /** Codes of this agency's log entries of one type. */
  async loggedCodes(type: string): Promise<(string | undefined)[]> {
    const { body } = await this.call<{ entries: { body: string }[] }>('GET', '/v1/audit/entries?from=0&limit=500');
    const bodies = body.entries.map((entry) => JSON.parse(entry.body) as { type: string; code?: string });
    return bodies.filter((entry) => entry.type === type).map(({ code }) => code);
  }

  async recordConsent(
    { categories = [12], disclosers, recipients = [this.id] }: ConsentedTerms,
    record: Partial<ConsentRecord> = {},
  ): Promise<ConsentId> {
    const id = newConsentId();
    const full: ConsentRecord = {
      v: 1,
      id,
      version: 1,
      subject: aPseudonym('client'),
      standing: 'adult',
      deciders: [{ role: 'self' }],
      collectingAgency: this.id,
      grants: grantEach(categories, { disclosers, recipients }),
      purposes: ['plan'],
      uses: { kind: 'repeated' },
      validFrom: new Date(Date.now() - 60_000).toISOString(),
      validUntil: new Date(Date.now() + 30 * DAY_MS).toISOString(),
      method: 'electronic',
      interpreter: false,
      language: 'fi',
      noticeVersion: 'notice-1',
      collectedAt: new Date().toISOString(),
      ...record,
    };
    const token = await signStatement('consent', full, this.signing);
    const send = () => this.call('POST', '/v1/consents', { record: token });
    const first = await send();
    // What took too long is sent again, as agencies do.
    const { status, body } = first.status === 504 ? await send() : first;
    if (status !== 201) throw new Error(`consent not recorded: ${status} ${JSON.stringify(body)}`);
    return full.id;
  }

  withdraw(consentId: ConsentId, version = 1): Promise<void> {
    return this.act('withdraw', consentId, version);
  }

  /** Told by the client to this agency. */
  async act(act: ConsentActType, consentId: ConsentId, version = 1): Promise<void> {
    const token = await signStatement(
      'consent-act',
      {
        v: 1,
        consentId,
        version,
        act,
        by: 'subject',
        channel: 'in-person',
        agency: this.id,
        worker: 'w-1',
        jti: randomUUID(),
        iat: numericDate(new Date()),
      },
      this.signing,
    );
    const { status, body } = await this.call('POST', '/v1/consents/acts', { act: token });
    if (status !== 200) throw new Error(`not done: ${act}: ${status} ${JSON.stringify(body)}`);
  }
}

const releasesOf = (requests: readonly string[]) => ({
  releases: requests.map((releaseRequest) => ({ releaseRequest, seenSize: 0 })),
});

const present = <T>(members: Record<string, T | undefined>): Record<string, T> =>
  Object.fromEntries(Object.entries(members).filter((member): member is [string, T] => member[1] !== undefined));

export async function send<T>({ path, ...call }: PreparedCall, to: string): Promise<HttpAnswer<T>> {
  const response = await fetch(`${to}${path}`, call);
  return { status: response.status, body: (await response.json()) as T, headers: response.headers };
}

async function newClient(): Promise<{ key: CryptoKeyOf; jwk: JWK }> {
  const pair = await generateKeyPair('ES256', { extractable: true });
  return { key: pair.privateKey, jwk: await exportJWK(pair.publicKey) };
}

type CryptoKeyOf = Awaited<ReturnType<typeof generateKeyPair>>['privateKey'];

const processing = { sender: '2016/679-6.1.e', recipient: '2016/679-6.1.e' };
/** What a client agreed to: without recipients, to the agency that collected it. */
export interface ConsentedTerms {
  readonly categories?: readonly number[];
  readonly disclosers: readonly AgencyId[];
  readonly recipients?: readonly AgencyId[];
}

export const statute = (categories: number[]): Basis => ({
  categories,
  processing,
  secrecyLift: { statute: { id: '681/2023-87', version: 1 } },
});
export const byConsent = (categories: number[], id: ConsentId, version = 1): Basis => ({
  categories,
  processing,
  secrecyLift: { consent: { id, version } },
});

const asRecipient = async (key: ReceivingKey): Promise<RecipientKey> => unwrap(await importRecipientKey(key.publicJwk));
const asVerification = async (key: SigningKey): Promise<VerificationKey> =>
  unwrap(await importVerificationKey(key.publicJwk));

/** The release key that is in use now, from the clear leaves of the log. */
export async function releaseKeyOf(gateway: string): Promise<RecipientKey> {
  const now = new Date().toISOString();
  for await (const record of clearRecords(gateway)) {
    if (record.type !== 'hub-key') continue;
    const { payload } = unwrap(readStatement('hub-key', record.record));
    if (payload.use === 'release' && payload.useFrom <= now && now < payload.useUntil)
      return unwrap(await importRecipientKey(payload.jwk));
  }
  throw new Error('the log shows no release key');
}

async function* clearRecords(gateway: string): AsyncGenerator<ClearRecord> {
  for (let from = 0; ;) {
    const answer = await fetch(`${gateway}/v1/log/entries?from=${from}&to=${from + 1_024}`);
    const { entries } = (await answer.json()) as { entries: string[] };
    if (entries.length === 0) return;
    for (const entry of entries) {
      const decoded = unwrap(decodeEntry(Buffer.from(entry, 'base64')));
      if (decoded.kind === 'clear') yield decoded.record;
    }
    from += entries.length;
  }
}
