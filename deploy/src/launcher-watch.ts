import { commandOf, identify, isRunning, parentOf, type ProcessIdentity } from './process-identity.js';

const lookEveryMs = 500;

/**
 * Calls back when npm, which started this process, has been killed: `kill -9` of npm reaches nobody else. A process
 * started without npm is left alone, so that it can be sent to the background.
 */
export function watchLauncher(onGone: () => void): void {
  const launcher = npmAbove(process.pid);
  if (launcher === undefined) return;
  const look = setInterval(() => {
    if (isRunning(launcher)) return;
    clearInterval(look);
    onGone();
  }, lookEveryMs);
  look.unref();
}

/** npm itself, either our parent or, where it starts scripts through a shell that stays, the parent of that. */
function npmAbove(pid: number): ProcessIdentity | undefined {
  if (process.env['npm_lifecycle_event'] === undefined) return undefined;
  const parent = parentOf(pid);
  const above = [parent, parent === undefined ? undefined : parentOf(parent)];
  const npm = above.find((candidate) => candidate !== undefined && /\bnpm\b/.test(commandOf(candidate)));
  return npm === undefined ? undefined : identify(npm);
}
