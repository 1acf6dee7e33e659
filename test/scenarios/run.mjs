// `npm run scenarios -- FOLDER …`: nothing but Node.js is taken for granted until the packages are installed.
import { build } from '../../deploy/prepare/build.mjs';
import { checkNodeVersion } from '../../deploy/prepare/node-version.mjs';
import { installPackages } from '../../deploy/prepare/packages.mjs';

checkNodeVersion();
await installPackages();
await build();
await import('../../dist/test/scenarios/main.js');
