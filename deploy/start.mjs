// `npm start`: nothing but Node.js is taken for granted until the packages are installed.
import { build } from './prepare/build.mjs';
import { ensureJava } from './prepare/java.mjs';
import { checkNodeVersion } from './prepare/node-version.mjs';
import { installPackages } from './prepare/packages.mjs';

checkNodeVersion();
await installPackages();
await ensureJava();
await build();
await import('../dist/deploy/src/main.js');
