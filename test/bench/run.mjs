// `npm run bench -- exchange …`: nothing but Node.js is taken for granted until the packages are installed.
import { build } from '../../deploy/prepare/build.mjs';
import { ensureJava } from '../../deploy/prepare/java.mjs';
import { checkNodeVersion } from '../../deploy/prepare/node-version.mjs';
import { installPackages } from '../../deploy/prepare/packages.mjs';

checkNodeVersion();
await installPackages();
// The bench measures a broker of its own, whatever else the environment names.
delete process.env.KAFKA_BROKERS;
await ensureJava();
await build();
await import('../../dist/test/bench/main.js');
