import { randomBytes, webcrypto } from 'node:crypto';
import * as oauth from 'openid-client';
import {
  type Chain,
  type PlaceOpening,
  type SigningKey,
  exportPrivateJwk,
  parsePlaceOpening,
  signStatement,
} from '#envelope';
import { type AgencyId, AppError, type ExchangeId, isAgencyId, numericDate, partyKindOf } from '#kernel';
import type { BodyLine, EvidencedLine } from '../domain/body-line.js';
import type { Boundary, ChainPage } from '../domain/entries-export.js';
import { answerOf, withSlash } from './public-hub.js';

/** A token is renewed this long before it ends. */
const renewBeforeMs = 20_000;
const pageSize = 500;

export interface AuditSessionSettings {
  readonly agency: AgencyId;
  readonly issuer: string;
  readonly audience: string;
  readonly gateway: string;
}

/** The auditor's: one for tokens, one for what is asked and done. */
export interface AuditorKeys {
  readonly client: SigningKey;
  readonly signing: SigningKey;
}

interface OpenedPage {
  readonly entries: readonly BodyLine[];
  /** First index of the next page; undefined where there is none. */
  readonly next?: number;
}

/**
 * Reads opened log entries as an agency's auditor: all of them as a supervising authority's, else the agency's own. Client
 * credentials by `private_key_jwt` and a DPoP-bound token (FAPI 2.0), under a DPoP key that lives as long as this process;
 * each question is signed, for audit itself to verify (decision 0039).
 */
export class AuditSession {
  private token: { readonly value: string; readonly renewAt: number } | undefined;

  private constructor(
    private readonly settings: AuditSessionSettings,
    private readonly client: oauth.Configuration,
    private readonly dpop: oauth.DPoPHandle,
    private readonly signing: SigningKey,
  ) {}

  /** @throws AppError UNAUTHENTICATED, UNAVAILABLE, FORBIDDEN (plain http to another machine) */
  static async open(settings: AuditSessionSettings, keys: AuditorKeys): Promise<AuditSession> {
    const issuer = new URL(settings.issuer);
    if (issuer.protocol === 'http:' && !isLoopback(issuer.hostname))
      throw new AppError('FORBIDDEN', 'Tokens are fetched over HTTPS, except from this machine itself.');
    const authentication = oauth.PrivateKeyJwt({ key: await cryptoKeyOf(keys.client), kid: keys.client.kid });
    const execute = issuer.protocol === 'http:' ? [oauth.allowInsecureRequests] : [];
    const client = await asAppErrors(() =>
      oauth.discovery(issuer, `${settings.agency}:auditor`, undefined, authentication, { execute }),
    );
    const dpop = oauth.getDPoPHandle(client, await oauth.randomDPoPKeyPair('ES256'));
    return new AuditSession(settings, client, dpop, keys.signing);
  }

  /** Does it see the entries of all agencies? */
  get supervising(): boolean {
    return partyKindOf(this.settings.agency) === 'A';
  }

  /** Opened entries from an index on, in rising order, as far as they lie below `size`. Each page is logged as a search. */
  async *bodies(size: number, from = 0): AsyncGenerator<BodyLine> {
    for (let next: number | undefined = from; next !== undefined && next < size;) {
      const page: OpenedPage = await this.page(next);
      for (const line of page.entries) {
        if (line.index < size) yield line;
      }
      next = page.next;
    }
  }

  /**
   * The entries of one exchange and of its consents, with the signed statements behind them. Each page is logged.
   * Errors: NOT_FOUND where there is none that this agency may see.
   */
  async transfer(exchangeId: ExchangeId): Promise<EvidencedLine[]> {
    const lines: EvidencedLine[] = [];
    for (let from: number | undefined = 0; from !== undefined;) {
      const answer = await this.get(`v1/audit/transfers/${exchangeId}?from=${from}`);
      const entries = answer['entries'];
      lines.push(...linesOf(entries).map((line, at) => ({ ...line, statements: statementsIn(entries, at) })));
      from = nextIn(answer, from);
    }
    return lines;
  }

  /**
   * One page of all entries of one chain that were logged in a time, with what bounds the answer. Each page is logged.
   *
   * @param of whose chain a supervising authority asks for; another agency asks for its own, or for a subject's
   */
  async chainPage({ of, from, until, cursor }: ChainQuestion): Promise<ChainPage> {
    const answer = await this.entries({
      limit: String(pageSize),
      loggedFrom: from,
      loggedUntil: until,
      ...(of !== this.settings.agency && { [isAgencyId(of) ? 'agency' : 'subject']: of }),
      ...(cursor !== undefined && { cursor }),
    });
    if (answer['chain'] !== of)
      throw new AppError('FORBIDDEN', 'The hub opens no places of this chain to this agency.');
    const { entries, cursor: next, before, after, erased } = answer;
    if (next !== undefined && typeof next !== 'string') throw unexpected();
    return {
      lines: linesOf(entries).map((line, at) => ({ ...line, place: placeIn((entries as unknown[])[at]) })),
      ...(next !== undefined && { cursor: next }),
      ...(before !== undefined && { before: boundaryIn(before) }),
      ...(after !== undefined && { after: boundaryIn(after) }),
      erased: erasedIn(erased),
    };
  }

  private async page(from: number): Promise<OpenedPage> {
    const answer = await this.entries({ from: String(from), limit: String(pageSize) });
    const next = nextIn(answer, from);
    return { entries: linesOf(answer['entries']), ...(next !== undefined && { next }) };
  }

  /** One page of opened entries, as the gateway answers it. The query is logged. */
  entries(query: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
    const asked = Object.entries(query).map(([name, value]): [string, string] => [
      name,
      instants.has(name) ? instantOf(value) : value,
    ]);
    return this.get(`v1/audit/entries?${new URLSearchParams(asked).toString()}`);
  }

  /** What the gateway answers to a look. @throws AppError with its code */
  get(path: string): Promise<Record<string, unknown>> {
    return this.call('GET', path);
  }

  /** What it answers to a signed statement. The same again is harmless: it counts once. @throws AppError with its code */
  post(path: string, body: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
    return this.call('POST', path, JSON.stringify(body));
  }

  /** What it answers to an act for which there is no statement but the question itself. @throws AppError with its code */
  start(path: string): Promise<Record<string, unknown>> {
    return this.call('POST', path);
  }

  private call(method: 'GET' | 'POST', path: string, body?: string): Promise<Record<string, unknown>> {
    const url = new URL(path, withSlash(this.settings.gateway));
    return answerOf(async () => {
      const token = await this.accessToken();
      // Signed for each try: a question is answered once.
      const headers = new Headers(
        body === undefined ? { 'audit-look': await this.lookOf(method, path) } : { 'content-type': 'application/json' },
      );
      return asAppErrors(() =>
        oauth.fetchProtectedResource(this.client, token, url, method, body, headers, { DPoP: this.dpop }),
      );
    });
  }

  private lookOf(method: string, path: string): Promise<string> {
    const { pathname, searchParams } = new URL(path, 'http://edge');
    const { askedBy, ...query } = Object.fromEntries(searchParams);
    return signStatement(
      'audit-look',
      {
        v: 1,
        call: `${method} ${pathname}`,
        query,
        scope: this.supervising ? 'all' : 'own',
        agency: this.settings.agency,
        ...(askedBy !== undefined && { worker: askedBy }),
        jti: randomBytes(16).toString('base64url'),
        iat: numericDate(new Date()),
      },
      this.signing,
    );
  }

  private async accessToken(): Promise<string> {
    if (this.token !== undefined && Date.now() < this.token.renewAt) return this.token.value;
    const parameters = {
      scope: this.supervising ? 'audit supervise' : 'audit',
      resource: this.settings.audience,
    };
    const grant = await asAppErrors(() => oauth.clientCredentialsGrant(this.client, parameters, { DPoP: this.dpop }));
    const renewAt = Date.now() + Math.max(1_000, (grant.expires_in ?? 0) * 1_000 - renewBeforeMs);
    this.token = { value: grant.access_token, renewAt };
    return grant.access_token;
  }
}

const instants: ReadonlySet<string> = new Set(['loggedFrom', 'loggedUntil']);

/** As it is signed; what is no instant is left to the hub to refuse. */
function instantOf(value: string): string {
  const at = new Date(value);
  return Number.isNaN(at.getTime()) ? value : at.toISOString();
}

interface ChainQuestion {
  readonly of: Chain;
  readonly from: string;
  readonly until: string;
  readonly cursor?: string | undefined;
}

function placeIn(value: unknown): PlaceOpening {
  const place = parsePlaceOpening((value as Record<string, unknown> | undefined)?.['place']);
  if (!place.ok) throw unexpected();
  return place.value;
}

function boundaryIn(value: unknown): Boundary {
  const { leafIndex, entry } = value as Record<string, unknown>;
  if (!Number.isSafeInteger(leafIndex) || typeof entry !== 'string') throw unexpected();
  return { index: leafIndex as number, entry, place: placeIn(value) };
}

function erasedIn(value: unknown): ChainPage['erased'] {
  if (!Array.isArray(value)) throw unexpected();
  return value.map((one: unknown) => {
    const { leafIndex, number } = one as Record<string, unknown>;
    if (!Number.isSafeInteger(leafIndex) || !Number.isSafeInteger(number)) throw unexpected();
    return { index: leafIndex as number, number: number as number };
  });
}

function nextIn(answer: Record<string, unknown>, from: number): number | undefined {
  const next = answer['next'];
  if (next !== undefined && !(Number.isSafeInteger(next) && (next as number) > from)) throw unexpected();
  return next as number | undefined;
}

function statementsIn(entries: unknown, at: number): EvidencedLine['statements'] {
  const { evidence } = (entries as Record<string, unknown>[])[at] ?? {};
  if (!Array.isArray(evidence)) throw unexpected();
  return evidence.map((statement: unknown) => {
    const { kind, token } = statement as Record<string, unknown>;
    // A name that is none would leave the bundle.
    if (typeof kind !== 'string' || !/^[a-z][A-Za-z0-9-]{0,31}$/.test(kind) || typeof token !== 'string')
      throw unexpected();
    return { kind, token };
  });
}

function linesOf(entries: unknown): BodyLine[] {
  if (!Array.isArray(entries)) throw unexpected();
  return entries.map((entry: unknown) => {
    const { leafIndex, body, commitmentKey, places } = entry as Record<string, unknown>;
    if (!Number.isSafeInteger(leafIndex) || typeof body !== 'string' || typeof commitmentKey !== 'string')
      throw unexpected();
    return { index: leafIndex as number, body, commitmentKey, ...(typeof places === 'string' && { places }) };
  });
}

const algorithms = { ES256: { name: 'ECDSA', namedCurve: 'P-256' }, EdDSA: { name: 'Ed25519' } } as const;

function cryptoKeyOf(key: SigningKey): Promise<webcrypto.CryptoKey> {
  const { kty, crv, x, y, d } = exportPrivateJwk(key);
  const jwk = { kty, crv, x, d, ...(y !== undefined && { y }) } as webcrypto.JsonWebKey;
  return webcrypto.subtle.importKey('jwk', jwk, algorithms[key.alg], false, ['sign']);
}

async function asAppErrors<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (cause) {
    if (cause instanceof oauth.WWWAuthenticateChallengeError)
      throw new AppError('UNAUTHENTICATED', 'The hub does not take the token.', {}, { cause });
    if (cause instanceof oauth.ResponseBodyError)
      throw new AppError('UNAUTHENTICATED', `The identity service gave no token: ${cause.error}.`, {}, { cause });
    throw new AppError('UNAVAILABLE', 'The identity service or the hub does not answer.', {}, { cause });
  }
}

const isLoopback = (host: string): boolean => host === 'localhost' || host === '[::1]' || /^127(\.\d+){3}$/.test(host);

const unexpected = (): AppError => new AppError('UNAVAILABLE', 'The hub answered in an unknown shape.');
