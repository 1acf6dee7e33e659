// A small benefit register of the demo: a process of its own that the agent calls by webhook. PORT, SECRET_FILE and CLIENTS_FILE
// (JSON: identity code to benefits) are given by the environment.
import { createHmac, timingSafeEqual } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import type { BenefitClients } from './benefits.js';

const MAX_AGE_S = 300;
const SIGNATURE = /^t=(\d{1,12}),v1=([0-9a-f]{64})$/;

const secret = readFileSync(process.env['SECRET_FILE'] ?? '', 'utf8').trim();
const clients = JSON.parse(readFileSync(process.env['CLIENTS_FILE'] ?? '', 'utf8')) as BenefitClients;

function signed(request: IncomingMessage, body: string): boolean {
  const [, at = '', given = ''] = SIGNATURE.exec(String(request.headers['kotovayla-signature'])) ?? [];
  const expected = createHmac('sha256', secret).update(`${at}.${body}`).digest();
  return (
    Math.abs(Date.now() / 1000 - Number(at)) < MAX_AGE_S &&
    given.length === 64 &&
    timingSafeEqual(Buffer.from(given, 'hex'), expected)
  );
}

function answer(body: string): { items: object[] } {
  const { client, categories } = JSON.parse(body) as { client: { value: string }; categories: number[] };
  const benefits = clients[client.value];
  return {
    items: categories.map((category) => {
      if (!benefits) return { category, outcome: 'no-record' };
      if (category === 9) return { category, outcome: 'given', content: { benefits } };
      // The housing allowance knows the home.
      if (category === 13)
        return { category, outcome: 'given', content: { situation: 'rental', dateOfMove: '2026-08-01' } };
      return { category, outcome: 'refused', reason: 'not-holder' };
    }),
  };
}

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.end('ok');
    return;
  }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('utf8');
    if (!signed(request, body)) {
      response.writeHead(401).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(answer(body)));
  });
});
server.listen(Number(process.env['PORT']), '127.0.0.1');

const stop = (): void => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
};
process.on('SIGTERM', stop);
process.on('disconnect', stop);
