import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { DataFolder } from './data-folder.js';
import { KafkaBroker } from './kafka-broker.js';

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'kotovayla-broker-'));
});

afterEach(() => rmSync(folder, { recursive: true }));

/** What a broker answers to FindCoordinator, version 0: correlation id, error code, and an address that nobody reads. */
function answerOf(errorCode: number): Buffer {
  const answer = Buffer.alloc(4 + 4 + 2 + 4 + 2 + 4);
  answer.writeInt32BE(answer.length - 4, 0);
  answer.writeInt16BE(errorCode, 8);
  return answer;
}

it('a broker is ready once it names the coordinator of a consumer group', async () => {
  const errorCodes = [15, 15, 0];
  const asked: number[] = [];
  const server = createServer((socket) => {
    socket.once('data', (request) => {
      asked.push(request.readInt16BE(4));
      socket.write(answerOf(errorCodes.shift() ?? 0));
    });
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const broker = new KafkaBroker(new DataFolder(folder), 'no-jars', { broker: port, controller: port }).process();
  expect([await broker.isReady(), await broker.isReady(), await broker.isReady()]).toEqual([false, false, true]);
  expect(asked).toEqual([10, 10, 10]);
  server.close();
  await once(server, 'close');
  expect(await broker.isReady()).toBe(false);
});
