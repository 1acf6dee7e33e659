// `npm run bench -- exchange …`: nothing but Node.js is taken for granted until the packages are installed.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { build } from '../../deploy/prepare/build.mjs';
import { ensureJava } from '../../deploy/prepare/java.mjs';
import { checkNodeVersion } from '../../deploy/prepare/node-version.mjs';
import { installPackages } from '../../deploy/prepare/packages.mjs';
import { root } from '../../deploy/prepare/root.mjs';

checkNodeVersion();
await installPackages();
// The bench measures a broker of its own, whatever else the environment names.
delete process.env.KAFKA_BROKERS;
await ensureJava();
await build();
const { interruption } = await import('../../dist/deploy/src/foreground.js');
// Some benches run the log's appender in their own process: Node is started as for the service.
const { nodeOptions } = await import('../../dist/apps/audit/src/short-lived-objects.js');
const bench = spawn(
  process.execPath,
  [...nodeOptions, join(root, 'dist/test/bench/main.js'), ...process.argv.slice(2)],
  {
    stdio: 'inherit',
  },
);
// At Ctrl-C, at a signal, and when npm is gone, it ends what it has started, and this process with it.
void interruption().then(() => bench.kill('SIGTERM'));
bench.once('exit', (code) => process.exit(code ?? 1));
