import { commandOf, identify, isRunning, parentOf } from './process-identity.js';

const lookEveryMs = 500;

/**
 * Calls back when npm, which started this process, has been killed: `kill -9` of npm reaches nobody else. A process
 * started without npm is left alone, so that it can be sent to the background.
 */
export function watchLauncher(onGone: () => void): void {
  if (process.env['npm_lifecycle_event'] === undefined) return;
  const above = ancestorsOf(process.pid);
  const npm = above.find((pid) => /\bnpm\b/.test(commandOf(pid)));
  const launcher = npm === undefined ? undefined : identify(npm);
  if (launcher === undefined) {
    // Handed over to init: npm was killed while we still compiled. Else the variable comes from further up.
    if (above.includes(1)) onGone();
    return;
  }
  const look = setInterval(() => {
    if (isRunning(launcher)) return;
    clearInterval(look);
    onGone();
  }, lookEveryMs);
  look.unref();
}

/** Our parent and its parent: where npm starts scripts through a shell that stays, npm is the second one. */
function ancestorsOf(pid: number): number[] {
  const parent = parentOf(pid);
  const grandparent = parent === undefined ? undefined : parentOf(parent);
  return [parent, grandparent].filter((above) => above !== undefined);
}
