// `npm run kotovayla -- …`: the operator's and auditor's commands, which need no running stack of ours.
import { build } from './prepare/build.mjs';
import { checkNodeVersion } from './prepare/node-version.mjs';
import { installPackages } from './prepare/packages.mjs';

checkNodeVersion();
await installPackages();
await build();
await import('../dist/apps/cli/src/main.js');
