import { stop } from './stop.mjs';

const [major, minor] = process.versions.node.split('.').map(Number);

export function checkNodeVersion() {
  if (major > 20 || (major === 20 && minor >= 19)) return;
  stop(`Node.js 20.19 or newer is needed; this is ${process.versions.node}. See https://nodejs.org/`);
}
