import { createHash, randomUUID } from 'node:crypto';
import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type JWK, calculateJwkThumbprint, decodeProtectedHeader, importJWK, jwtVerify } from 'jose';
import type { PublicJwk } from '#envelope';
import type { SmallLog } from './small-log.fixture.js';

/**
 * Identity service and edge in one, which check what the real ones check: assertion, DPoP proofs with nonces (both ask for
 * one), token binding. The real ones are met in the end-to-end test.
 */
export class FakeHub {
  /** Queries for opened entries that were answered. */
  readonly asked: string[] = [];
  /** What was signed of the questions that came. */
  readonly looks: string[] = [];
  /** Scopes of the tokens that were given. */
  readonly scopes: string[] = [];
  /** What else it answers, by method and path. */
  readonly answers = new Map<string, object>();
  /** What came to these: method and path, with the query and what was posted. */
  readonly called: { readonly call: string; readonly query: string; readonly body: unknown }[] = [];
  /** How often the edge says 503 before it works. */
  busyTimes = 0;

  private readonly nonce = randomUUID();
  private readonly boundTo = new Map<string, string>();
  private readonly seenProofs = new Set<string>();

  private constructor(
    private readonly log: SmallLog,
    private readonly client: {
      readonly id: string;
      readonly kid: string;
      readonly jwk: PublicJwk;
      readonly audience: string;
    },
    private readonly server: Server,
  ) {}

  static async start(log: SmallLog, client: FakeHub['client']): Promise<FakeHub> {
    const server = createServer();
    const hub = new FakeHub(log, client, server);
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      hub
        .answer(request, response)
        .catch(() => send(response, 400, { error: 'invalid_request', code: 'DPOP_INVALID' }));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return hub;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? '/', this.url);
    response.setHeader('dpop-nonce', this.nonce);
    if (pathname === '/.well-known/openid-configuration')
      return send(response, 200, {
        issuer: this.url,
        token_endpoint: `${this.url}/token`,
        jwks_uri: `${this.url}/jwks`,
      });
    if (pathname === '/token') return this.token(request, response);
    if (pathname === '/v1/audit/entries') return this.entries(request, response, searchParams);
    const call = `${request.method} ${pathname}`;
    const answer = this.answers.get(call);
    if (answer === undefined) return send(response, 404, { code: 'NOT_FOUND' });
    if (!(await this.admits(request, response))) return;
    const text = await textOf(request);
    this.called.push({ call, query: searchParams.toString(), body: text === '' ? undefined : JSON.parse(text) });
    send(response, 200, answer);
  }

  private async token(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const form = new URLSearchParams(await textOf(request));
    const proof = await this.verifyProof(request);
    if (!proof.hasNonce) return send(response, 400, { error: 'use_dpop_nonce' });
    if (!(await this.isClient(form.get('client_assertion') ?? '')))
      return send(response, 401, { error: 'invalid_client' });
    if (form.get('resource') !== this.client.audience) return send(response, 400, { error: 'invalid_target' });
    this.scopes.push(form.get('scope') ?? '');
    const token = randomUUID();
    this.boundTo.set(token, proof.thumbprint);
    send(response, 200, { access_token: token, token_type: 'DPoP', expires_in: 300 });
  }

  private async isClient(assertion: string): Promise<boolean> {
    const { id, jwk, kid } = this.client;
    const key = await importJWK(jwk as JWK, 'ES256');
    const verified = await jwtVerify(assertion, key, { issuer: id, subject: id, requiredClaims: ['exp', 'jti'] }).catch(
      () => undefined,
    );
    return verified?.payload.aud === this.url && verified.protectedHeader.kid === kid;
  }

  /** Answers itself where the token or its proof is not right. */
  private async admits(request: IncomingMessage, response: ServerResponse): Promise<boolean> {
    const [, token = ''] = /^DPoP (\S+)$/.exec(request.headers.authorization ?? '') ?? [];
    const proof = await this.verifyProof(request, token);
    const error = !proof.hasNonce
      ? 'use_dpop_nonce'
      : this.boundTo.get(token) === proof.thumbprint
        ? undefined
        : 'invalid_token';
    if (error !== undefined) {
      response.setHeader('www-authenticate', `DPoP error="${error}", algs="ES256"`);
      send(response, 401, { code: 'UNAUTHENTICATED' });
      return false;
    }
    const look = request.headers['audit-look'];
    if (look !== undefined) this.looks.push(String(look));
    return true;
  }

  private async entries(request: IncomingMessage, response: ServerResponse, query: URLSearchParams): Promise<void> {
    if (!(await this.admits(request, response))) return;
    if (this.busyTimes > 0) {
      this.busyTimes -= 1;
      response.setHeader('retry-after', '0.01');
      return send(response, 503, { code: 'UNAVAILABLE' });
    }
    this.asked.push(query.toString());
    const later = this.log.bodies.filter(({ index }) => index >= Number(query.get('from')));
    const limit = Number(query.get('limit'));
    send(response, 200, {
      entries: later.slice(0, limit).map(({ index, ...rest }) => ({ leafIndex: index, ...rest })),
      next: later[limit]?.index,
    });
  }

  /** Throws unless the proof is right for this request and was not seen before. */
  private async verifyProof(
    request: IncomingMessage,
    token?: string,
  ): Promise<{ thumbprint: string; hasNonce: boolean }> {
    const proof = request.headers['dpop'] as string;
    const jwk = decodeProtectedHeader(proof).jwk!;
    const { payload } = await jwtVerify(proof, await importJWK(jwk, 'ES256'), { typ: 'dpop+jwt' });
    const { pathname } = new URL(request.url ?? '/', this.url);
    const ath = token === undefined ? undefined : createHash('sha256').update(token).digest('base64url');
    const right =
      payload['htm'] === request.method && payload['htu'] === `${this.url}${pathname}` && payload['ath'] === ath;
    if (!right || this.seenProofs.has(payload.jti!)) throw new Error('the proof is not one for this request');
    this.seenProofs.add(payload.jti!);
    return { thumbprint: await calculateJwkThumbprint(jwk), hasNonce: payload['nonce'] === this.nonce };
  }
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
