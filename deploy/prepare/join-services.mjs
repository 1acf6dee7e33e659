// `node deploy/prepare/join-services.mjs FOLDER`: joins each compiled service with its packages to `FOLDER/NAME/main.js`. To
// find and read two thousand modules one by one was two thirds of the CPU of a start.
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { root } from './root.mjs';

const folder = process.argv[2];
/** It gets its name when it is whole. */
const unfinished = `${folder}-${process.pid}`;
const apps = join(root, 'dist', 'apps');
const main = (name) => [`${name}/main`, join(apps, name, 'src/main.js')];
/** A command reads what it needs when it runs. */
const notServices = new Set(['cli']);
const services = readdirSync(apps).filter((name) => !notServices.has(name) && existsSync(main(name)[1]));

/** What a service starts on a thread lies beside its main file, and is named there as in its sources. */
const threads = services.flatMap((service) =>
  readdirSync(join(apps, service, 'src'), { recursive: true, withFileTypes: true })
    .filter((file) => file.name.endsWith('-thread.js'))
    .map(({ name, parentPath }) => [`${service}/${name.replace('.js', '')}`, join(parentPath, name)]),
);

/**
 * Read from `node_modules`: what finds files of its own by where it lies, what has to be there before all others, and what no
 * service reads once its database is prepared.
 */
const readInPlace = ['@myriaddreamin/typst-ts-node-compiler', 'tinypool', 'reflect-metadata', 'typeorm'];

/** Asked for by packages that can do without, and not installed. */
const notInstalled = [
  '@fastify/multipart',
  '@fastify/static',
  '@fastify/view',
  '@nats-io/*',
  '@nestjs/platform-express',
  '@nestjs/websockets/*',
  'amqp-connection-manager',
  'amqplib',
  'ioredis',
  'mqtt',
  'pg-native',
];

await build({
  absWorkingDir: root,
  entryPoints: Object.fromEntries([...services.map(main), ...threads]),
  outdir: unfinished,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  external: [...readInPlace, ...notInstalled],
  // Packages in CommonJS ask for Node's own modules by `require`.
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module'; const require = requireFrom(import.meta.url);",
  },
  // Logs, errors and documents say what a class is called in its sources, whatever else has that name.
  keepNames: true,
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
});
rmSync(folder, { recursive: true, force: true });
renameSync(unfinished, folder);
