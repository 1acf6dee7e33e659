import { runCli } from './program.js';

/** npm runs scripts in the folder of the package; paths are meant from where the command was typed. */
const folder =
  process.env['npm_lifecycle_event'] === 'kotovayla' ? (process.env['INIT_CWD'] ?? process.cwd()) : process.cwd();

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  folder,
  out: (line) => process.stdout.write(`${line}\n`),
  err: (line) => process.stderr.write(`${line}\n`),
});
