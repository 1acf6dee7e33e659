// An identification service of test persons, for the demo and for tests: a process of its own. ISSUER, CLIENTS_FILE (JSON:
// relying parties), PERSONS_FILE (JSON: test persons) and PUSHED are given by the environment.
import { readFileSync } from 'node:fs';
import type { TestPerson } from './people.js';
import { type RelyingParty, testIdentification } from './test-identification.js';

const fileOf = (name: string): unknown => JSON.parse(readFileSync(process.env[name] ?? '', 'utf8'));

const issuer = process.env['ISSUER'] ?? '';
const server = await testIdentification({
  issuer,
  relyingParties: fileOf('CLIENTS_FILE') as RelyingParty[],
  persons: fileOf('PERSONS_FILE') as TestPerson[],
  pushed: process.env['PUSHED'] === 'true',
});
server.listen(Number(new URL(issuer).port), '127.0.0.1');

const stop = (): void => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
};
process.on('SIGTERM', stop);
process.on('disconnect', stop);
