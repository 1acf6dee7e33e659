import { createHmac, randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import Fastify, { type FastifyInstance } from 'fastify';
import { type AlertNotice, generateSigningKey, signStatement } from '#envelope';
import { agencyId, newEventId } from '#kernel';
import { until } from '#testing';
import { alarmsOf, officer } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, eventually, TestAgent } from '../fake-hub/test-agent.fixture.js';

describe('a notice about an alert of the hub', () => {
  const secret = randomBytes(32).toString('hex');
  const calls: { readonly body: string; readonly signature: string }[] = [];
  let refusals = 0;
  /** Alerts about which the duty system takes a call and never answers. */
  const silentAbout = new Set<string>();
  let folder: string;
  let duty: FastifyInstance;
  let hub: FakeHub;
  let agent: TestAgent;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'alert-call-'));
    await writeFile(join(folder, 'secret'), secret);
    duty = Fastify();
    duty.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body));
    duty.post('/alerts', (request, reply) => {
      calls.push({ body: String(request.body), signature: String(request.headers['kotovayla-signature']) });
      if ([...silentAbout].some((alert) => String(request.body).includes(alert))) return new Promise(() => undefined);
      return reply.code(calls.length <= refusals ? 503 : 204).send();
    });
    const url = `${await duty.listen({ host: '127.0.0.1', port: 0 })}/alerts`;
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [
      { id: 'A-TSV', alertCall: { url, secretFile: join(folder, 'secret') } },
      { id: 'A-LVV' },
    ]);
    for (const id of ['A-TSV', 'A-LVV']) await agent.onboard(id);
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
    await duty?.close();
    await rm(folder, { recursive: true, force: true });
  });

  const noticeOf = (): AlertNotice => ({
    v: 1,
    alert: newEventId(),
    rule: 'break-glass',
    by: agencyId('K-235'),
    at: '2026-11-25T10:00:00.000Z',
    look: '/v1/audit/break-glass',
  });
  const arrives = async (agency: string, notice: AlertNotice, key = hub.outcomeKey): Promise<void> =>
    hub.deliver(agency, { notice: await signStatement('alert-notice', notice, key) });
  const alarmsAbout = async (agency: string, { alert }: AlertNotice) =>
    (await alarmsOf(agent, agency)).filter(({ detail }) => detail.includes(alert));
  const raised = (agency: string, notice: AlertNotice) =>
    eventually('the alarm', async () => (await alarmsAbout(agency, notice))[0]);
  const warnings = async (): Promise<string[] | undefined> =>
    (await bodyOf<{ warnings?: string[] }>(agent.anonymous().get('/readyz').expect(200))).warnings;
  const metric = async (): Promise<string | undefined> =>
    (await agent.anonymous().get('/metrics')).text
      .split('\n')
      .find((line) => line.startsWith('kotovayla_agent_open_alarms{agency="A-LVV",code="REVIEW_NEEDED"}'));

  it('is an alarm, once however often it comes, that stands before people until one of them has looked', async () => {
    const notice = noticeOf();
    const later = noticeOf();
    for (const one of [notice, notice, later]) await arrives('A-LVV', one);
    await raised('A-LVV', later);
    const alarms = await alarmsAbout('A-LVV', notice);
    expect(alarms).toMatchObject([{ code: 'REVIEW_NEEDED', detail: expect.stringContaining('K-235') }]);
    expect(await warnings()).toEqual(['A-LVV: 2 open alarm(s) REVIEW_NEEDED']);
    expect(await metric()).toMatch(/ 2$/);
    for (const { id } of await alarmsOf(agent, 'A-LVV'))
      await agent.system('A-LVV').post(`/v1/alarms/${id}/acknowledge`, { person: officer }).expect(200);
    expect(await warnings()).toBeUndefined();
    expect(await metric()).toBeUndefined();
  });

  it('calls the agency’s own system under the shared secret, again until it has answered', async () => {
    refusals = calls.length + 2;
    const notice = noticeOf();
    await arrives('A-TSV', notice);
    await eventually('the call that was answered', () => (calls.length === refusals + 1 ? true : undefined));
    const { body, signature } = calls.at(-1)!;
    expect(JSON.parse(body)).toEqual({
      agency: 'A-TSV',
      alarm: 'REVIEW_NEEDED',
      alert: notice.alert,
      rule: notice.rule,
      by: notice.by,
      at: notice.at,
      look: notice.look,
    });
    const [, at, hex] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(signature) ?? [];
    expect(hex).toBe(createHmac('sha256', secret).update(`${at}.${body}`).digest('hex'));
    expect(await alarmsAbout('A-TSV', notice)).toHaveLength(1);
    const later = noticeOf();
    await arrives('A-TSV', later);
    await eventually('the call about the next one', () =>
      calls.at(-1)!.body.includes(later.alert) ? true : undefined,
    );
    expect(calls.filter((call) => call.body.includes(notice.alert))).toHaveLength(3);
  });

  it('about which its system never answers holds up no other one, however many they are, and no other notice', async () => {
    const silent = Array.from({ length: 70 }, noticeOf);
    for (const { alert } of silent) silentAbout.add(alert);
    for (const one of silent) await arrives('A-TSV', one);
    const answered = noticeOf();
    const forged = noticeOf();
    await arrives('A-TSV', answered);
    await arrives('A-TSV', forged, await generateSigningKey());
    await raised('A-TSV', answered);
    await eventually(
      'the alarm about the forged one',
      async () => (await alarmsOf(agent, 'A-TSV')).some(({ code }) => code === 'SIGNATURE_INVALID') || undefined,
    );
    await until('the call', () => calls.some(({ body }) => body.includes(answered.alert)), 60_000);
    silentAbout.clear();
  }, 120_000);

  it('that the hub did not sign is no such alarm, and calls nobody', async () => {
    const forged = noticeOf();
    await arrives('A-TSV', forged, await generateSigningKey());
    await eventually('the alarm about it', async () => {
      const alarms = await alarmsOf(agent, 'A-TSV');
      return alarms.some(({ code }) => code === 'SIGNATURE_INVALID') || undefined;
    });
    expect(await alarmsAbout('A-TSV', forged)).toEqual([]);
    expect(calls.filter((call) => call.body.includes(forged.alert))).toEqual([]);
  });
});
