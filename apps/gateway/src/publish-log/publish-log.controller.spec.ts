import { Module } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError } from '#kernel';
import { ServiceConfig, createLogger, createService, loadConfig } from '#platform';
import { AUDIT } from '../infra/peers.js';
import { LogFiles } from './log-files.js';
import { PublishLogController } from './publish-log.controller.js';

const tile = 'tile/0/x001/x234/067';
const bundle = 'tile/entries/000.p/3';

describe('the log at the edge', () => {
  const files = new Map([
    ['checkpoint', Buffer.from('log.test\n0\n')],
    ['checkpoint.cosigned', Buffer.from('log.test\n0\n\u2014 cosigned\n')],
    ['log-keys.json', Buffer.from('[]\n')],
    ['clear-list.jsonl', Buffer.from('{"statement":3,"v":1}\n')],
    [tile, Buffer.alloc(8_192, 5)],
    [bundle, Buffer.from([0, 1, 65])],
  ]);
  let asked: string[] = [];
  let app: NestFastifyApplication;
  let url: string;

  const getLogFile = async ({ path }: { path: string }): Promise<{ content: Buffer }> => {
    asked.push(path);
    const content = files.get(path);
    if (!content) throw new AppError('NOT_FOUND');
    return { content };
  };

  @Module({
    controllers: [PublishLogController],
    providers: [LogFiles, { provide: AUDIT, useValue: { getLogFile } }],
  })
  class Edge {}

  beforeAll(async () => {
    const options = { name: 'edge', config: ServiceConfig, module: () => Edge };
    app = await createService(options, loadConfig(ServiceConfig, {}), createLogger('edge', 'silent'));
    await app.listen(0, '127.0.0.1');
    url = await app.getUrl();
  });
  afterAll(() => app.close());
  beforeEach(() => {
    asked = [];
  });

  const get = (path: string, method: 'GET' | 'HEAD' = 'GET'): Promise<Response> => fetch(`${url}${path}`, { method });
  const headers = (answer: Response): object => Object.fromEntries(answer.headers);

  it.each(['checkpoint', 'checkpoint.cosigned'])('shows the %s as text, to be kept for a second', async (name) => {
    const answer = await get(`/log/${name}`);
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe(files.get(name)?.toString('utf8'));
    expect(headers(answer)).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'public, max-age=1',
    });
  });

  it('shows how its keys follow from each other as JSON, to be kept for a second', async () => {
    const answer = await get('/log/log-keys.json');
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual([]);
    expect(headers(answer)).toMatchObject({
      'content-type': expect.stringMatching(/^application\/json/),
      'cache-control': 'public, max-age=1',
    });
  });

  it('shows which entries stand in clear a line each, to be kept for a second', async () => {
    const answer = await get('/log/clear-list.jsonl');
    expect(answer.status).toBe(200);
    expect(await answer.text()).toBe('{"statement":3,"v":1}\n');
    expect(headers(answer)).toMatchObject({
      'content-type': expect.stringMatching(/^application\/jsonl/),
      'cache-control': 'public, max-age=1',
    });
  });

  it.each([tile, bundle])('shows %s as bytes that never change', async (path) => {
    const answer = await get(`/log/${path}`);
    expect(answer.status).toBe(200);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(files.get(path));
    expect(headers(answer)).toMatchObject({
      'content-type': 'application/octet-stream',
      'cache-control': 'public, max-age=31536000, immutable',
    });
    expect((await get(`/log/${path}`, 'HEAD')).status).toBe(200);
  });

  it('asks audit once for what it has shown', async () => {
    for (let times = 0; times < 3; times += 1) await get(`/log/${tile}`);
    expect(asked.length).toBeLessThanOrEqual(1);
  });

  it('does not keep that there is nothing yet', async () => {
    const missing = await get('/log/tile/0/000.p/9');
    expect(missing.status).toBe(404);
    expect(missing.headers.get('cache-control')).toBeNull();
    await get('/log/tile/0/000.p/9');
    expect(asked).toEqual(['tile/0/000.p/9', 'tile/0/000.p/9']);
  });

  it.each(['tile/0/1', 'tile/00/001', 'tile/entries/000.p/256', 'tile/..%2fcheckpoint', 'tile/', 'log.vkey'])(
    'has no %s and asks nobody for it',
    async (path) => {
      expect((await get(`/log/${path}`)).status).toBe(404);
      expect(asked).toEqual([]);
    },
  );
});
