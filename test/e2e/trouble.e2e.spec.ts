import { randomUUID } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { SealedMessage } from '#envelope';
import { Stack } from '../../deploy/src/stack.js';
import { hubServiceNames } from '../../deploy/src/hub/hub.js';
import { byConsent, type HubAgency, type ReleaseResult } from './hub-agency.js';
import { hubOn, type RunningHub, until } from './running-hub.js';

/** A request that rests on a consent, so that every service has its part in it. */
async function sealedRequest(from: HubAgency, to: HubAgency): Promise<SealedMessage> {
  const consent = await from.recordConsent({ disclosers: [to.id] });
  return from.seal(to, from.context(to, 'request', { categories: [12], basis: [byConsent([12], consent)] }));
}

/** Posts again and again until the edge has taken it, as an agent's outbox does. */
const post = (from: HubAgency, message: SealedMessage): Promise<void> =>
  until(async () => (await from.post(message).catch(() => undefined))?.status === 202, 60_000);

async function delivered(to: HubAgency, message: SealedMessage): Promise<{ manifest: string; outer: string }> {
  let found: { manifest: string; outer: string } | undefined;
  await until(async () => {
    found = (await to.mailUntil(to.message(message.manifestHash), 3_000).catch(() => undefined))?.message;
    return found !== undefined;
  }, 60_000);
  return found!;
}

/** Asks with the same jti until it has its answer. */
async function released(to: HubAgency, message: SealedMessage): Promise<NonNullable<ReleaseResult['released']>> {
  const jti = randomUUID();
  let result: ReleaseResult['released'];
  await until(async () => {
    result = (await to.release(message.manifestHash, { jti }).catch(() => undefined))?.released;
    return result !== undefined;
  }, 60_000);
  return result!;
}

describe('trouble', () => {
  let stack: Stack | undefined;
  let running: RunningHub | undefined;
  let municipality: HubAgency;
  let county: HubAgency;

  beforeAll(async () => {
    // Databases and a broker of its own, because they are stopped.
    stack = await Stack.start({ dataFolder: mkdtempSync(join(tmpdir(), 'kotovayla-trouble-')), environment: {} });
    const hub = (running = await hubOn(stack));
    [municipality, county] = await Promise.all([hub.agency('K-235'), hub.agency('H-03')]);
  }, 180_000);

  afterAll(() => stack?.remove(), 60_000);

  describe.each(hubServiceNames)('%s killed with SIGKILL', (service) => {
    it('between sending and opening: the message is delivered, logged, released and opened once it is back', async () => {
      const message = await sealedRequest(municipality, county);
      await post(municipality, message);

      running!.stack.supervisor.kill(service, 'SIGKILL');

      const mail = await delivered(county, message);
      const receipt = await released(county, message);
      const opened = await county.open(municipality, mail, receipt);
      expect(opened.content).toEqual({ type: 'test' });
      await until(
        () =>
          municipality.mailUntil(municipality.notice('accepted', opened.context.messageId), 3_000).then(
            () => true,
            () => false,
          ),
        60_000,
      );
    }, 180_000);
  });

  it.each(['consent', 'audit'])(
    'without %s nothing is released, and it goes on when it is back',
    async (service) => {
      const message = await sealedRequest(municipality, county);
      await post(municipality, message);
      const mail = await delivered(county, message);

      await running!.stack.supervisor.stop(service);
      const { refused } = await county.release(message.manifestHash);
      running!.stack.supervisor.resume(service);

      expect(refused).toMatchObject({ final: false });
      expect(['UNAVAILABLE', 'TIMEOUT']).toContain(refused?.code);
      expect((await county.open(municipality, mail, await released(county, message))).context.kind).toBe('request');
    },
    180_000,
  );

  it('without Kafka the edge says 503 with Retry-After, and takes the message when it is back', async () => {
    const message = await sealedRequest(municipality, county);
    await running!.stack.supervisor.stop('kafka');

    const { status, headers, body } = await municipality.post(message);
    running!.stack.supervisor.resume('kafka');

    expect(status).toBe(503);
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    expect(body.code).toBe('UNAVAILABLE');
    await post(municipality, message);
    const mail = await delivered(county, message);
    expect((await county.open(municipality, mail, await released(county, message))).context.kind).toBe('request');
  }, 180_000);

  it('without PostgreSQL what the edge has taken is kept, and goes on when it is back', async () => {
    const message = await sealedRequest(municipality, county);
    await running!.stack.supervisor.stop('postgres-hub');

    const { status } = await municipality.post(message);
    running!.stack.supervisor.resume('postgres-hub');

    expect([202, 503]).toContain(status);
    if (status === 503) await post(municipality, message);
    const mail = await delivered(county, message);
    expect((await county.open(municipality, mail, await released(county, message))).context.kind).toBe('request');
  }, 180_000);
});
