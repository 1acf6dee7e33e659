import { randomBytes } from 'node:crypto';
import { hashOfSystemKey } from './authenticate-system/system.guard.js';

// The key goes to the calling system, the hash into the agent's configuration; nothing is stored here.
const key = randomBytes(32).toString('base64url');
process.stdout.write(`${JSON.stringify({ key, keyHash: hashOfSystemKey(key) })}\n`);
