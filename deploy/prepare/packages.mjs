import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.mjs';
import { runVisibly } from './run-visibly.mjs';
import { stop } from './stop.mjs';

/** `npm ci`, when what is installed is not what package-lock.json says. */
export async function installPackages() {
  if (installedAsLocked()) return;
  const done = await runVisibly('installing packages', 'npm', ['ci', '--no-audit', '--no-fund']);
  if (!done) stop('The packages could not be installed. Look above for the reason, then type: npm ci');
}

// File times say too little: npm writes its record of what is installed a moment before package-lock.json.
function installedAsLocked() {
  const locked = packagesOf(join(root, 'package-lock.json'));
  const installed = packagesOf(join(root, 'node_modules', '.package-lock.json'));
  if (locked === undefined || installed === undefined) return false;
  return Object.entries(locked).every(([path, { version, integrity, optional }]) => {
    if (path === '') return true;
    const present = installed[path];
    // Optional packages for other platforms are in the lock file only.
    if (present === undefined) return optional === true;
    return present.version === version && present.integrity === integrity;
  });
}

function packagesOf(lockFile) {
  try {
    return JSON.parse(readFileSync(lockFile, 'utf8')).packages;
  } catch {
    return undefined;
  }
}
