import { randomBytes } from 'node:crypto';
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify';
import {
  checkParts,
  generateReceivingKey,
  generateSigningKey,
  importRecipientKey,
  importVerificationKey,
  type LogBody,
  type Manifest,
  openCapsule,
  type Outcome,
  type PublicJwk,
  joinedWith,
  type JoinedPseudonyms,
  readManifest,
  readReleaseRequest,
  readStatement,
  type ReceivingKey,
  sealMessage,
  sealReleasedKey,
  signStatement,
  type SigningKey,
  type ConsentAct,
  type ConsentActType,
  type ConsentProposal,
  type ConsentRecord,
  type DeciderExclusion,
  type SubjectLink,
  verifyManifest,
  formatLogKeyLinks,
} from '#envelope';
import {
  AppError,
  type ErrorCode,
  newExchangeId,
  newMessageId,
  problemOf,
  type Pseudonym,
  sha256,
  unwrap,
} from '#kernel';
import { referenceCatalogueJson } from '../domain/catalogue.fixture.js';
import { type AppendedLeaf, FakeLog, LOG_ORIGIN } from './fake-log.fixture.js';

const MONTH_MS = 30 * 86_400_000;
const AUDIENCE = 'urn:kotovayla:test';

interface MailItem {
  number: number;
  message?: { manifest: string; outer: string };
  notice?: string;
}

interface HeldMessage {
  readonly manifest: Manifest;
  readonly token: string;
  readonly capsule: string;
  readonly outer: string;
}

export interface ReleaseReply {
  released: { receipt: unknown; consistencyProof: string[] };
}

/**
 * Identity, gateway and all behind it in one small server, with real envelopes and a real tree. What it does not check, the
 * real services do; what a test needs to go wrong, it makes so by
 * the public members.
 */
export class FakeHub {
  readonly mailboxes = new Map<string, MailItem[]>();
  readonly messages = new Map<string, HeldMessage>();
  /** Highest position that each agency has named. */
  readonly acknowledged = new Map<string, number>();
  readonly posts: string[][] = [];
  readonly releaseRequests: string[] = [];
  readonly mismatches: string[] = [];
  /** Signed decisions about clients' accounts. */
  readonly reports: string[] = [];
  /** With which the next reports are answered. */
  emergencyLooks: { at: string; agency: string; type: string; leafIndex: number }[] = [];
  readonly consents = new Map<string, { token: string; record: ConsentRecord; state: string }>();
  readonly proposals = new Map<string, ConsentProposal>();
  readonly acts: ConsentAct[] = [];
  readonly links: SubjectLink[] = [];
  /** Of the links, what is shown to agencies. */
  readonly linkTokens: string[] = [];
  /** Persons whom the hub joins without anybody's signature. */
  readonly ownWord: JoinedPseudonyms[] = [];
  /** Tells nothing of consents. */
  consentsDown = false;
  readonly exclusions: DeciderExclusion[] = [];
  /** Answers to the next statements about consents, in order, before the hub takes them. */
  readonly statementFailures: ErrorCode[] = [];
  /** What acts are told to have been opened before. */
  opened: { exchangeId: string; recipient: string; usedAt: string }[] = [];
  basisAnswer: object = { allowed: true, reasons: [], consentNeedless: false };
  readonly routes = new Map<string, string>();
  /** Answers to the next calls, in order, before the hub does anything. */
  readonly postFailures: { status: number; code: ErrorCode; retryAfter?: number }[] = [];
  /** Refuses the next releases, one by one, not for good. */
  readonly releaseRefusals: ErrorCode[] = [];
  readonly releaseFailures: { status: number; code: ErrorCode }[] = [];
  /** Accepts posts and loses them. */
  loseMessages = 0;
  /** Takes no key records. */
  keysDown = false;
  readonly revoked = new Set<string>();
  /** Rejects the next message with this code. */
  rejectNext: ErrorCode | undefined;
  /** The next message ends before it is delivered. */
  withdrawNext = false;
  /** What is wrong with the next word of acceptance. */
  faultyNotice: 'other-receipt' | 'rejection-receipt' | 'no-receipt' | 'other-key' | undefined;
  /** Changes a release's reply before it is sent. */
  beforeRelease: (reply: ReleaseReply, held: HeldMessage) => Promise<void> | void = () => undefined;
  /** Another checkpoint than the true one. */
  shownCheckpoint: (() => string) | undefined;
  /** The checkpoint with cosignatures, where there is one. */
  cosignedCheckpoint: string | undefined;
  /** How often agents have looked at the checkpoints. */
  readonly looks = { newest: 0, cosigned: 0 };
  outcomeKey: SigningKey;
  releaseKey: ReceivingKey;
  private readonly server: FastifyInstance = Fastify({ bodyLimit: 16 * 1024 * 1024, forceCloseConnections: true });
  private readonly keys = new Map<string, Map<string, PublicJwk>>();
  private readonly uses = new Map<string, string>();
  private readonly released = new Map<string, AppendedLeaf>();
  private readonly tokens = new Map<string, string>();
  private readonly nonce = randomBytes(12).toString('base64url');
  private readonly polls = new Map<string, number>();
  private number = 0;
  private waiting: (() => void)[] = [];
  private address = '';

  private constructor(readonly log: FakeLog) {}

  static async start(log = new FakeLog()): Promise<FakeHub> {
    const hub = new FakeHub(log);
    hub.outcomeKey = await generateSigningKey();
    hub.releaseKey = await generateReceivingKey();
    await hub.logHubKeys();
    hub.addRoutes();
    hub.address = await hub.server.listen({ host: '127.0.0.1', port: 0 });
    return hub;
  }

  get url(): string {
    return this.address;
  }

  /** What an agent's operator configures by hand. */
  get pins(): Record<string, string> {
    return {
      GATEWAY_URL: this.url,
      IDENTITY_ISSUER: this.url,
      AUDIENCE,
      LOG_ORIGIN,
      LOG_VERIFIER_KEY: this.log.verifierKey,
      OUTCOME_PUBLIC_JWK: JSON.stringify(this.outcomeKey.publicJwk),
    };
  }

  async close(): Promise<void> {
    for (const wake of this.waiting.splice(0)) wake();
    await this.server.close();
  }

  /** A revocation goes into the log as it is, whoever made it; once a key. */
  async revoke(revocation: string): Promise<void> {
    const { kid } = unwrap(readStatement('agency-key-revocation', revocation)).payload;
    if (this.revoked.has(kid)) return;
    this.revoked.add(kid);
    this.log.appendClear({ type: 'agency-key-revocation', record: revocation });
  }

  /** The key record goes into the log as it is, whoever made it; once a key. */
  async publish(record: string): Promise<number> {
    const { payload } = unwrap(readStatement('agency-key', record));
    const key =
      payload.use === 'receiving' ? await importRecipientKey(payload.jwk) : await importVerificationKey(payload.jwk);
    const { kid } = unwrap(key as { ok: true; value: { kid: string } });
    const keys = this.keys.get(payload.agency) ?? new Map<string, PublicJwk>();
    if (keys.has(kid)) return -1;
    keys.set(kid, payload.jwk);
    this.keys.set(payload.agency, keys);
    this.uses.set(kid, payload.use);
    return this.log.appendClear({ type: 'agency-key', record });
  }

  pollsOf(agency: string): number {
    return this.polls.get(agency) ?? 0;
  }

  deliver(agency: string, item: Omit<MailItem, 'number'>): void {
    this.number += 1;
    this.mailboxes.set(agency, [...(this.mailboxes.get(agency) ?? []), { number: this.number, ...item }]);
    for (const wake of this.waiting.splice(0)) wake();
  }

  /** A signed notice with the log's receipt for its sender. */
  async notice(type: Outcome['type'], manifest: Manifest, leaf: AppendedLeaf, code?: ErrorCode): Promise<string> {
    const { context, manifestHash } = manifest;
    const outcome: Outcome = {
      type,
      exchangeId: context.exchangeId,
      messageId: context.messageId,
      sender: context.sender,
      manifestHash,
      at: new Date().toISOString(),
      receipt: this.log.receipt(leaf.index, await this.opening(context.sender, leaf)),
      ...(code === undefined ? {} : { code }),
    };
    return signStatement('outcome', outcome, this.outcomeKey);
  }

  /** Sealed to the key that the message names, else to the newest. */
  async opening(agency: string, leaf: AppendedLeaf, contentKey?: Buffer, kid?: string): Promise<string> {
    const { body, commitmentKey } = leaf;
    const released = contentKey === undefined ? { body, commitmentKey } : { body, commitmentKey, contentKey };
    return sealReleasedKey(released, unwrap(await importRecipientKey(this.receivingKeyOf(agency, kid))));
  }

  /** A message in an agency's name that somebody else signed, sealed as the last message of that agency was. */
  async forge(sender: string, key: SigningKey): Promise<{ manifest: string; outer: string }> {
    const last = [...this.messages.values()].findLast(
      ({ manifest }) => manifest.context.sender === sender && manifest.context.kind === 'request',
    );
    if (!last) throw new Error(`no request of ${sender}`);
    const { context } = last.manifest;
    const [subject] = context.subjects;
    if (!subject) throw new Error('a request about nobody');
    const sealed = await sealMessage({
      context: { ...context, messageId: newMessageId(), exchangeId: newExchangeId() },
      subjects: [{ pseudonym: subject, type: 'henkilotunnus', value: '010190-900P' }],
      content: {},
      signingKey: key,
      recipientKey: unwrap(await importRecipientKey(this.receivingKeyOf(context.recipient))),
      releaseKey: unwrap(await importRecipientKey(this.releaseKey.publicJwk)),
    });
    return unwrap(sealed);
  }

  mismatchCode(token: string): string {
    return unwrap(readStatement('mismatch', token)).payload.code;
  }

  appendAbout(type: string, { context, manifestHash }: Manifest, more: Partial<LogBody> = {}): AppendedLeaf {
    return this.log.append({
      type,
      exchangeId: context.exchangeId,
      messageId: context.messageId,
      manifestHash,
      sender: context.sender,
      recipient: context.recipient,
      purpose: context.purpose,
      assertedBy: 'agency',
      ...(context.subjects.length > 0 ? { subjects: context.subjects } : {}),
      ...(context.categories.length > 0 ? { categories: context.categories } : {}),
      ...(context.basis.length > 0 ? { basis: context.basis } : {}),
      ...more,
    });
  }

  private failStatement(): void {
    const code = this.statementFailures.shift();
    if (code) throw new AppError(code);
  }

  private async logHubKeys(): Promise<void> {
    const now = Date.now();
    const common = { useFrom: new Date(now - 60_000).toISOString(), iat: Math.floor(now / 1000) };
    const release = {
      ...common,
      service: 'audit' as const,
      use: 'release' as const,
      jwk: this.releaseKey.publicJwk,
      useUntil: new Date(now + MONTH_MS).toISOString(),
      destroyAfter: new Date(now + 2 * MONTH_MS).toISOString(),
    };
    const outcome = {
      ...common,
      service: 'exchange' as const,
      use: 'outcome' as const,
      jwk: this.outcomeKey.publicJwk,
      useUntil: new Date(now + 12 * MONTH_MS).toISOString(),
    };
    const signer = await generateSigningKey();
    this.log.appendClear({ type: 'hub-key', record: await signStatement('hub-key', release, signer) });
    this.log.appendClear({ type: 'hub-key', record: await signStatement('hub-key', outcome, this.outcomeKey) });
  }

  private addRoutes(): void {
    const { server } = this;
    server.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, body, done) =>
      done(null, Object.fromEntries(new URLSearchParams(String(body)))),
    );
    server.setErrorHandler((error, _request, reply) => {
      const known = error instanceof AppError ? error : new AppError('INTERNAL', String(error));
      return refuse(reply, known);
    });
    server.get('/.well-known/openid-configuration', () => ({ issuer: this.url, token_endpoint: `${this.url}/token` }));
    server.post('/token', (request, reply) => this.token(request, reply));
    server.post('/v1/keys/revocations', async (request) => {
      const { revocation } = request.body as { revocation: string };
      await this.revoke(revocation);
      return { revokedAt: new Date().toISOString() };
    });
    server.post('/v1/onboarding/keys', async (request) => {
      if (this.keysDown) throw new AppError('UNAVAILABLE');
      for (const record of (request.body as { records: string[] }).records) await this.publish(record);
      return {};
    });
    server.post('/v1/messages', (request, reply) => this.submit(this.caller(request, reply), request, reply));
    server.get('/v1/mailbox', (request, reply) => this.mailbox(this.caller(request, reply), request));
    server.post('/v1/releases', (request, reply) => this.release(this.caller(request, reply), request, reply));
    server.post('/v1/mismatches', (request, reply) => {
      this.caller(request, reply);
      this.mismatches.push((request.body as { mismatch: string }).mismatch);
      return { leafIndex: 0 };
    });
    server.post('/v1/audit/reports', (request, reply) => {
      this.caller(request, reply);
      const leafIndex = this.reports.push((request.body as { decision: string }).decision) - 1;
      return { leafIndex, emergencyLooks: this.emergencyLooks };
    });
    this.addLogRoutes();
    this.addDirectoryRoutes();
    this.addConsentRoutes();
  }

  private addLogRoutes(): void {
    const { server, log } = this;
    server.get('/v1/log/checkpoint', () => {
      this.looks.newest += 1;
      return { checkpoint: this.shownCheckpoint?.() ?? log.checkpoint(), verifierKey: log.verifierKey };
    });
    server.get('/log/checkpoint.cosigned', (_request, reply) => {
      this.looks.cosigned += 1;
      return this.cosignedCheckpoint === undefined
        ? reply.status(404).send()
        : reply.type('text/plain').send(this.cosignedCheckpoint);
    });
    server.get('/log/log-keys.json', (_request, reply) =>
      log.keyLinks.length === 0
        ? reply.status(404).send()
        : reply.type('application/json').send(formatLogKeyLinks(log.keyLinks)),
    );
    server.get('/v1/log/entries', (request) => {
      const { from, to } = request.query as { from: string; to: string };
      return { entries: log.entries.slice(Number(from), Number(to)).map((entry) => entry.toString('base64')) };
    });
    server.get('/v1/log/consistency', (request) => {
      const { first, second } = request.query as { first: string; second: string };
      return { hashes: log.consistency(Number(first), Number(second)) };
    });
  }

  private addDirectoryRoutes(): void {
    const json = referenceCatalogueJson();
    this.log.appendClear({ type: 'catalogue', version: 1, hash: sha256(json), at: new Date().toISOString() });
    this.server.get('/v1/directory/catalogue', () => ({ version: 1, json }));
    this.server.get('/v1/directory/agencies', () => ({
      agencies: [
        { id: 'K-235', nameFi: 'Kauniainen', nameSv: 'Grankulla' },
        { id: 'H-03', nameFi: 'Länsi-Uudenmaan hyvinvointialue', nameSv: 'Västra Nylands välfärdsområde' },
        { id: 'L-KELA', nameFi: 'Kela', nameSv: 'FPA' },
      ],
    }));
    this.server.get('/v1/directory/route', (request) => {
      const { duty } = request.query as { duty: string };
      return { agency: this.routes.get(duty) ?? '', onboarded: true, rule: 'test', advice: '' };
    });
  }

  private addConsentRoutes(): void {
    this.server.post('/v1/accounts', (request, reply) => {
      this.caller(request, reply);
      return { consents: [], links: [] };
    });
    this.server.post('/v1/consents', (request, reply) => {
      this.caller(request, reply);
      const { record: token } = request.body as { record: string };
      const { payload } = unwrap(readStatement('consent', token));
      this.failStatement();
      this.consents.set(payload.id, { token, record: payload, state: 'active' });
      return { consentId: payload.id, version: payload.version, recordedAt: new Date().toISOString() };
    });
    this.server.post('/v1/consents/proposals', (request, reply) => {
      this.caller(request, reply);
      const { proposal: token } = request.body as { proposal: string };
      const { payload } = unwrap(readStatement('consent-proposal', token));
      this.failStatement();
      this.proposals.set(payload.id, payload);
      return { consentId: payload.id, recordedAt: new Date().toISOString() };
    });
    this.server.post('/v1/consents/acts', (request, reply) => {
      this.caller(request, reply);
      const { payload } = unwrap(readStatement('consent-act', (request.body as { act: string }).act));
      this.failStatement();
      this.acts.push(payload);
      const known = this.consents.get(payload.consentId);
      const state = stateAfter[payload.act];
      if (known) this.consents.set(payload.consentId, { ...known, state });
      return { effectiveAt: new Date().toISOString(), state, uses: this.opened };
    });
    this.server.post('/v1/subjects/links', (request, reply) => {
      this.caller(request, reply);
      this.failStatement();
      const { link } = request.body as { link: string };
      this.links.push(unwrap(readStatement('subject-link', link)).payload);
      this.linkTokens.push(link);
      return { recordedAt: new Date().toISOString() };
    });
    this.server.post('/v1/subjects/exclusions', (request, reply) => {
      this.caller(request, reply);
      const { exclusion } = request.body as { exclusion: string };
      this.exclusions.push(unwrap(readStatement('decider-exclusion', exclusion)).payload);
      return { recordedAt: new Date().toISOString() };
    });
    this.server.post('/v1/basis-checks', (request, reply) => {
      this.caller(request, reply);
      return this.basisAnswer;
    });
    this.server.get('/v1/consents', (request, reply) => {
      this.caller(request, reply);
      const { subject } = request.query as { subject: string };
      if (this.consentsDown) throw new AppError('UNAVAILABLE');
      const person = joinedWith(subject as Pseudonym, [...this.links, ...this.ownWord]);
      const found = [...this.consents.values()].filter(({ record }) => person.has(record.subject));
      return {
        consents: found.map(({ token, state }) => ({ record: token, state, uses: 0 })),
        links: this.linkTokens,
      };
    });
    this.server.get('/v1/exchanges/:id', () => {
      throw new AppError('NOT_FOUND');
    });
  }

  /** Client credentials: the assertion must be the client's, by a published client-authentication key. */
  private async token(request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const form = request.body as Record<string, string>;
    const proof = payloadOf(String(request.headers['dpop']));
    if (proof['nonce'] !== this.nonce)
      return reply.status(400).header('dpop-nonce', this.nonce).send({ error: 'use_dpop_nonce' });
    const assertion = payloadOf(form['client_assertion'] ?? '');
    const client = form['client_id'] ?? '';
    const known = [...(this.keys.get(client)?.keys() ?? [])].some((kid) => this.uses.get(kid) === 'client-auth');
    if (!known || assertion['aud'] !== this.url || assertion['sub'] !== client)
      return reply.status(401).send({ error: 'invalid_client' });
    const token = randomBytes(24).toString('base64url');
    this.tokens.set(token, client);
    return { access_token: token, token_type: 'DPoP', expires_in: 300 };
  }

  private caller(request: FastifyRequest, reply: FastifyReply): string {
    void reply.header('dpop-nonce', this.nonce);
    const [, token = ''] = /^DPoP (\S+)$/.exec(request.headers.authorization ?? '') ?? [];
    const agency = this.tokens.get(token);
    if (agency === undefined) throw new AppError('UNAUTHENTICATED');
    const proof = payloadOf(String(request.headers['dpop']));
    if (proof['htu'] !== `${this.url}${request.url.split('?')[0]}`) throw new AppError('DPOP_INVALID');
    if (proof['nonce'] !== this.nonce) throw new AppError('USE_DPOP_NONCE');
    return agency;
  }

  private async submit(sender: string, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { messages } = request.body as { messages: { manifest: string; capsule: string; outer: string }[] };
    this.posts.push(messages.map(({ manifest }) => unwrap(readManifest(manifest)).context.messageId));
    const failure = this.postFailures.shift();
    if (failure) {
      if (failure.retryAfter !== undefined) void reply.header('retry-after', String(failure.retryAfter));
      return refuse(reply, new AppError(failure.code), failure.status);
    }
    const results = [];
    for (const parts of messages) {
      const manifest = await this.verified(sender, parts);
      if (this.loseMessages > 0) this.loseMessages -= 1;
      else await this.accept(manifest, parts);
      results.push({ messageId: manifest.context.messageId, manifestHash: manifest.manifestHash, status: 'submitted' });
    }
    return reply.status(202).send({ messages: results });
  }

  private async verified(
    sender: string,
    parts: { manifest: string; capsule: string; outer: string },
  ): Promise<Manifest> {
    const { kid } = unwrap(readManifest(parts.manifest));
    const jwk = this.keys.get(sender)?.get(kid);
    if (!jwk) throw new AppError('SIGNATURE_INVALID');
    const manifest = unwrap(await verifyManifest(parts.manifest, unwrap(await importVerificationKey(jwk))));
    unwrap(checkParts(manifest, parts));
    return manifest;
  }

  private async accept(manifest: Manifest, parts: { manifest: string; capsule: string; outer: string }): Promise<void> {
    if (this.messages.has(manifest.manifestHash)) return;
    this.messages.set(manifest.manifestHash, {
      manifest,
      token: parts.manifest,
      capsule: parts.capsule,
      outer: parts.outer,
    });
    if (this.rejectNext) {
      const code = this.rejectNext;
      this.rejectNext = undefined;
      const leaf = this.appendAbout('message-rejected', manifest, { code });
      return this.deliver(manifest.context.sender, { notice: await this.notice('rejected', manifest, leaf, code) });
    }
    this.deliver(manifest.context.sender, { notice: await this.acceptance(manifest) });
    if (this.withdrawNext) {
      this.withdrawNext = false;
      const code = 'CONSENT_WITHDRAWN';
      const leaf = this.appendAbout('message-withdrawn', manifest, { code });
      const { sender, recipient } = manifest.context;
      for (const told of [sender, recipient]) {
        const { payload } = unwrap(readStatement('outcome', await this.notice('withdrawn', manifest, leaf, code)));
        // It is sealed to the sender.
        delete payload.receipt;
        this.deliver(told, { notice: await signStatement('outcome', payload, this.outcomeKey) });
      }
      return;
    }
    this.deliver(manifest.context.recipient, { message: { manifest: parts.manifest, outer: parts.outer } });
  }

  private async acceptance(manifest: Manifest): Promise<string> {
    const leaf = this.appendAbout('message-accepted', manifest);
    const fault = this.faultyNotice;
    this.faultyNotice = undefined;
    switch (fault) {
      case undefined:
        return this.notice('accepted', manifest, leaf);
      case 'other-receipt': {
        const other = { ...manifest, manifestHash: sha256('another message') };
        return this.notice('accepted', manifest, this.appendAbout('message-accepted', other));
      }
      case 'rejection-receipt':
        return this.notice('accepted', manifest, this.appendAbout('message-rejected', manifest));
      case 'no-receipt': {
        const { payload } = unwrap(readStatement('outcome', await this.notice('accepted', manifest, leaf)));
        delete payload.receipt;
        return signStatement('outcome', payload, this.outcomeKey);
      }
      case 'other-key': {
        const { payload } = unwrap(readStatement('outcome', await this.notice('accepted', manifest, leaf)));
        return signStatement('outcome', payload, await generateSigningKey());
      }
    }
  }

  private async mailbox(agency: string, request: FastifyRequest): Promise<unknown> {
    const { after, wait } = request.query as { after: string; wait: string };
    this.polls.set(agency, this.pollsOf(agency) + 1);
    this.acknowledged.set(agency, Math.max(this.acknowledged.get(agency) ?? 0, Number(after)));
    const items = (): MailItem[] =>
      (this.mailboxes.get(agency) ?? []).filter(({ number }) => number > Number(after)).slice(0, 64);
    if (items().length === 0 && Number(wait) > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, Number(wait) * 1_000);
        this.waiting.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
    return { items: items(), head: this.number };
  }

  private async release(agency: string, request: FastifyRequest, reply: FastifyReply): Promise<unknown> {
    const { releases } = request.body as { releases: { releaseRequest: string; seenSize: number }[] };
    this.releaseRequests.push(...releases.map(({ releaseRequest }) => releaseRequest));
    const results = [];
    for (const { releaseRequest, seenSize } of releases) {
      const asked = unwrap(readReleaseRequest(releaseRequest));
      const held = this.messages.get(asked.manifestHash);
      if (!held || held.manifest.context.recipient !== agency) throw new AppError('NOT_IN_MAILBOX');
      const leaf = this.released.get(asked.jti) ?? this.appendAbout('message-released', held.manifest);
      this.released.set(asked.jti, leaf);
      const { contentKey } = unwrap(await openCapsule(held.capsule, this.releaseKey));
      const answer: ReleaseReply = {
        released: {
          receipt: this.log.receipt(
            leaf.index,
            await this.opening(agency, leaf, contentKey, held.manifest.context.recipientKey),
          ),
          consistencyProof: this.log.consistency(seenSize),
        },
      };
      await this.beforeRelease(answer, held);
      const refusal = this.releaseRefusals.shift();
      results.push(refusal ? { refused: { ...problemOf(new AppError(refusal)), final: false } } : answer);
    }
    const failure = this.releaseFailures.shift();
    return failure ? refuse(reply, new AppError(failure.code), failure.status) : { results };
  }

  private receivingKeyOf(agency: string, named?: string): PublicJwk {
    const found = [...(this.keys.get(agency) ?? [])].findLast(
      ([kid]) => this.uses.get(kid) === 'receiving' && (named === undefined || kid === named),
    );
    if (!found) throw new Error(`no receiving key of ${agency}`);
    return found[1];
  }
}

const stateAfter: Readonly<Record<ConsentActType, string>> = {
  withdraw: 'withdrawn',
  suspend: 'suspended',
  resume: 'active',
  revoke: 'revoked',
  invalidate: 'invalidated',
  deny: 'denied',
  cancel: 'cancelled',
  'end-plan': 'expired',
  'verify-mandate': 'active',
};

const refuse = (reply: FastifyReply, error: AppError, status = error.status) =>
  reply.status(status).header('content-type', 'application/problem+json').send(problemOf(error));

const payloadOf = (token: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString() || '{}') as Record<string, unknown>;
