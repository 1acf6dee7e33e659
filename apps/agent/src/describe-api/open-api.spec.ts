import { readFileSync, writeFileSync } from 'node:fs';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OpenAPIObject } from '@nestjs/swagger';
import { apiControllers } from './api-controllers.js';
import { describeAgent } from './open-api.js';

const CHECKED_IN = 'apps/agent/agent.openapi.json';

describe('the OpenAPI document of the agent', () => {
  let app: NestFastifyApplication;
  let document: OpenAPIObject;

  beforeAll(async () => {
    const module = await Test.createTestingModule({ controllers: apiControllers })
      .useMocker(() => ({}))
      .compile();
    app = module.createNestApplication<NestFastifyApplication>(new FastifyAdapter());
    document = JSON.parse(JSON.stringify(describeAgent(app))) as OpenAPIObject;
    if (process.env['UPDATE_OPENAPI']) writeFileSync(CHECKED_IN, `${JSON.stringify(document, null, 2)}\n`);
  });
  afterAll(() => app.close());

  it('is the one that is checked in', () => {
    expect(document).toEqual(JSON.parse(readFileSync(CHECKED_IN, 'utf8')));
  });

  it('asks for the key of a calling system at every path, but where a client’s browser logs in or has', () => {
    const without = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.values(operations as Record<string, { security?: Record<string, unknown>[] }>)
        .filter(({ security = [] }) => !security.some((scheme) => 'bearer' in scheme))
        .map(({ security = [] }) => [path, security.map((scheme) => Object.keys(scheme).join())]),
    );
    const below = '/v1/account/{agency}';
    const loggedIn = ['', '/page', '/consents/{id}/withdraw', '/consents/{id}/withdraw/page', '/other', '/other/page'];
    expect(without).toEqual([
      [`${below}/login`, ['']],
      [`${below}/callback`, ['']],
      ...[...loggedIn, '/self/page', '/logout'].map((path) => [`${below}${path}`, ['account']]),
    ]);
  });
});
