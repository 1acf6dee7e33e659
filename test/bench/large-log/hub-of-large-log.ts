import { setTimeout as delay } from 'node:timers/promises';
import { Body, Controller, Get, Headers, HttpCode, Inject, Module, Post } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  type CryptoKey,
  type JWK,
  type JWTVerifyGetKey,
  SignJWT,
  calculateJwkThumbprint,
  createLocalJWKSet,
  decodeProtectedHeader,
  exportJWK,
  generateKeyPair,
} from 'jose';
import type { SearchEntriesRequest } from '#contracts';
import { type AgencyId, AppError, ok, systemClock, unwrap } from '#kernel';
import { type DirectoryWatch, Public, ServiceConfig, createLogger, createService, loadConfig } from '#platform';
import { SearchEntriesController } from '../../../apps/audit/src/search-entries/search-entries.controller.js';
import { TileFolder } from '../../../apps/audit/src/publish-log/tile-folder.js';
import { ErasingHub, type HubPlaces, publicLogIn } from '../../../apps/audit/src/testing/erasing-hub.fixture.js';
import { looksOf } from '../../../apps/audit/src/testing/looks.fixture.js';
import { party } from '../../../apps/audit/src/testing/parties.fixture.js';
import { openAgencyVault, type VaultFiles } from '../../../apps/cli/src/infra/auditor-vault.js';
import { AuditEntriesController } from '../../../apps/gateway/src/audit-entries/audit-entries.controller.js';
import { AccessTokens } from '../../../apps/gateway/src/authenticate-caller/access-token.js';
import { AuthenticateCaller } from '../../../apps/gateway/src/authenticate-caller/authenticate-caller.js';
import { CallerGuard } from '../../../apps/gateway/src/authenticate-caller/caller.guard.js';
import { DpopNonces } from '../../../apps/gateway/src/authenticate-caller/dpop-nonce.js';
import { DpopProofs } from '../../../apps/gateway/src/authenticate-caller/dpop-proof.js';
import type { GatewayConfig } from '../../../apps/gateway/src/gateway.config.js';
import { AUDIT } from '../../../apps/gateway/src/infra/peers.js';
import { AgencyRateLimit } from '../../../apps/gateway/src/limit-rate/agency-rate-limit.js';
import { RefusalLog } from '../../../apps/gateway/src/log-refusals/refusal-log.js';
import { LogFiles } from '../../../apps/gateway/src/publish-log/log-files.js';
import { PublishLogController } from '../../../apps/gateway/src/publish-log/publish-log.controller.js';

/**
 * A hub over a log that lies there, in a process of its own: the real edge with its guard, and audit's handlers, without the hop
 * between the two; tokens come without a look at the client's assertion. Ends when its parent lets go of it.
 */
export interface LargeLogHub {
  readonly places: HubPlaces;
  readonly entries: number;
  /** Of the one auditor who may ask. */
  readonly auditor: { readonly agency: AgencyId; readonly files: VaultFiles };
}

/** What the hub says to its parent: where it is, then for `pages` how long each page took, in milliseconds, from the first on. */
export type HubSays = { readonly url: string } | { readonly pages: readonly number[] };

export const audience = 'urn:kotovayla:bench';
const tokenSeconds = 300;
const unhurried = 10_000;

class Identity {
  url = '';
  private constructor(
    readonly keys: JWTVerifyGetKey,
    private readonly signing: CryptoKey,
    private readonly agency: AgencyId,
  ) {}

  static async of(agency: AgencyId): Promise<Identity> {
    const { publicKey, privateKey } = await generateKeyPair('ES256');
    const jwk = { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256' };
    return new Identity(createLocalJWKSet({ keys: [jwk] }), privateKey, agency);
  }

  token(scope: string, boundTo: string): Promise<string> {
    return new SignJWT({ client_id: `${this.agency}:auditor`, agency: this.agency, scope, cnf: { jkt: boundTo } })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'bench' })
      .setIssuer(this.url)
      .setAudience(audience)
      .setIssuedAt()
      .setExpirationTime(`${tokenSeconds}s`)
      .sign(this.signing);
  }
}

@Controller()
class TokenController {
  constructor(@Inject(Identity) private readonly identity: Identity) {}

  @Public()
  @Get('.well-known/openid-configuration')
  configuration(): object {
    const { url } = this.identity;
    return { issuer: url, token_endpoint: `${url}/token`, jwks_uri: `${url}/jwks` };
  }

  @Public()
  @Post('token')
  @HttpCode(200)
  async token(@Body() { scope }: { scope: string }, @Headers('dpop') proof: string): Promise<object> {
    const thumbprint = await calculateJwkThumbprint(decodeProtectedHeader(proof).jwk as JWK);
    const token = await this.identity.token(scope, thumbprint);
    return { access_token: token, token_type: 'DPoP', expires_in: tokenSeconds };
  }
}

async function serve({ places, entries, auditor }: LargeLogHub): Promise<void> {
  const hub = await ErasingHub.start(places, []);
  hub.publisher.wake();
  while (!hub.appender.active || ((await hub.publisher.published())?.size ?? 0) < entries) await delay(50);
  const vault = await openAgencyVault(auditor.agency, auditor.files);
  const asker = { ...(await party(auditor.agency)), auditing: unwrap(vault.current('auditor-signing')) };
  const search = new SearchEntriesController(hub.database, hub.openings, hub.kek, looksOf([asker], hub));
  const tiles = new TileFolder(publicLogIn(places.folder));
  const audit = {
    searchEntries: (request: SearchEntriesRequest) => search.searchEntries(request),
    async getLogFile({ path }: { path: string }): Promise<{ content: Buffer }> {
      const content = await tiles.readPublic(path);
      if (!content) throw new AppError('NOT_FOUND');
      return { content };
    },
  };
  const identity = await Identity.of(auditor.agency);
  const nonces = new DpopNonces(systemClock);
  // Both are asked for when a question comes, and then the address is known.
  const issued = {
    get issuer(): string {
      return identity.url;
    },
    audience,
  };
  const config = {
    get GATEWAY_URL(): string {
      return identity.url;
    },
  } as GatewayConfig;
  const tokens = new AccessTokens(issued, systemClock, identity.keys);
  const rate = new AgencyRateLimit(unhurried);
  const refusals = { record: () => Promise.resolve() } as unknown as RefusalLog;
  const directory = { fresh: () => ok(undefined), agency: () => ({ status: 'active' }) } as unknown as DirectoryWatch;
  const proofs = new DpopProofs(nonces, systemClock);
  @Module({
    controllers: [TokenController, AuditEntriesController, PublishLogController],
    providers: [
      LogFiles,
      { provide: Identity, useValue: identity },
      { provide: AUDIT, useValue: audit },
      { provide: AgencyRateLimit, useValue: rate },
      { provide: RefusalLog, useValue: refusals },
      {
        provide: AuthenticateCaller,
        useValue: new AuthenticateCaller(tokens, proofs, nonces, directory, rate, refusals, config),
      },
      { provide: APP_GUARD, useClass: CallerGuard },
    ],
  })
  class Edge {}
  const options = { name: 'edge', config: ServiceConfig, module: () => Edge };
  const edge = await createService(options, loadConfig(ServiceConfig, {}), createLogger('edge', 'silent'));
  const pages: number[] = [];
  edge
    .getHttpAdapter()
    .getInstance()
    .addHook('onResponse', (request, reply, done) => {
      if (request.url.startsWith('/v1/audit/entries') && reply.statusCode === 200) pages.push(reply.elapsedTime);
      done();
    });
  await edge.listen(0, '127.0.0.1');
  identity.url = await edge.getUrl();
  const say = (words: HubSays): void => void process.send?.(words);
  process.on('message', () => say({ pages: pages.splice(0) }));
  process.on('disconnect', () => {
    void edge
      .close()
      .then(() => hub.stop())
      .finally(() => process.exit(0));
  });
  say({ url: identity.url });
}

/** Started as a program, with what it serves in its environment. */
const started = process.env['LARGE_LOG_HUB'];
if (started !== undefined) await serve(JSON.parse(started) as LargeLogHub);
