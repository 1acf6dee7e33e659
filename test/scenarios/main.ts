import { runScenarios } from './run-scenarios.js';

const folders = process.argv.slice(2);
if (folders.length === 0 || folders.some((folder) => folder.startsWith('-'))) {
  console.error(`npm run scenarios -- FOLDER …

  Decides every case of every YAML file of the folders (docs/scenarios.md) and compares the outcome.
  Exit code 0 when all come out as they say, 1 when one does not, 2 when a file cannot be read.`);
  process.exit(2);
}
process.exitCode = runScenarios(folders, (line) => console.log(line));
