import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { OpenAPIObject } from '@nestjs/swagger';
import { createLogger, createService, loadConfig } from '#platform';
import { GatewayConfig } from '../gateway.config.js';
import { serviceOptions } from '../gateway.module.js';
import { describeGateway } from './open-api.js';

const CHECKED_IN = 'apps/gateway/gateway.openapi.json';

const folder = mkdtempSync(join(tmpdir(), 'gateway-'));
/** Nothing listens there: the document needs the controllers and no connection. */
const config = loadConfig(GatewayConfig, {
  GATEWAY_URL: 'http://127.0.0.1:1',
  IDENTITY_ISSUER: 'http://127.0.0.1:1',
  AUDIENCE: 'urn:kotovayla:gateway',
  KAFKA_BROKERS: '127.0.0.1:1',
  DIRECTORY_GRPC: '127.0.0.1:1',
  CONSENT_GRPC: '127.0.0.1:1',
  EXCHANGE_GRPC: '127.0.0.1:1',
  AUDIT_GRPC: '127.0.0.1:1',
  GATEWAY_KEY_FILE: join(folder, 'gateway.jwk'),
});

describe('the OpenAPI document of the gateway', () => {
  let app: NestFastifyApplication;
  let document: OpenAPIObject;

  beforeAll(async () => {
    app = await createService(serviceOptions, config, createLogger('gateway', 'silent'));
    document = JSON.parse(JSON.stringify(describeGateway(app))) as OpenAPIObject;
    if (process.env['UPDATE_OPENAPI']) writeFileSync(CHECKED_IN, `${JSON.stringify(document, null, 2)}\n`);
  });
  afterAll(async () => {
    await app.close();
    rmSync(folder, { recursive: true });
  });

  const needsToken = (): string[] =>
    Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.entries(operations as Record<string, { security?: unknown }>).flatMap(([method, { security }]) =>
        security === undefined ? [] : [`${method} ${path}`],
      ),
    );

  it('is the one that is checked in', () => {
    expect(document).toEqual(JSON.parse(readFileSync(CHECKED_IN, 'utf8')));
  });

  it('asks for token and proof wherever an agency acts or reads what is its own', () => {
    expect(needsToken().sort()).toEqual([
      'get /v1/audit/alerts',
      'get /v1/audit/break-glass',
      'get /v1/audit/break-glass/{grant}/entries',
      'get /v1/audit/entries',
      'get /v1/audit/erasures',
      'get /v1/audit/erasures/runs/{run}',
      'get /v1/audit/holds',
      'get /v1/audit/reconciliation',
      'get /v1/audit/retention',
      'get /v1/audit/transfers/{exchangeId}',
      'get /v1/consents',
      'get /v1/exchanges/{id}',
      'get /v1/mailbox',
      'post /v1/accounts',
      'post /v1/audit/alerts/acts',
      'post /v1/audit/break-glass',
      'post /v1/audit/break-glass/reviews',
      'post /v1/audit/erasures',
      'post /v1/audit/erasures/approvals',
      'post /v1/audit/erasures/runs',
      'post /v1/audit/holds',
      'post /v1/audit/holds/lifts',
      'post /v1/audit/reports',
      'post /v1/basis-checks',
      'post /v1/consents',
      'post /v1/consents/acts',
      'post /v1/consents/proposals',
      'post /v1/messages',
      'post /v1/mismatches',
      'post /v1/releases',
      'post /v1/subjects/exclusions',
      'post /v1/subjects/links',
    ]);
  });
});
