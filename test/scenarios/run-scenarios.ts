import { join, relative } from 'node:path';
import type { Catalogue } from '#catalogue';
import { loadReferenceData } from '../../apps/directory/src/read-reference-data/load-reference-data.js';
import { differencesOf } from './decide-case.js';
import { readScenarioFile, type ScenarioFile, scenarioFilesOf } from './scenario-file.js';

/** The catalogue that the directory gives to the hub. */
export const referenceCatalogue = (): Catalogue => loadReferenceData(join('apps', 'directory', 'data')).catalogue;

/** The exit code: 0 all as expected, 1 some not, 2 unreadable. */
export function runScenarios(folders: readonly string[], print: (line: string) => void): 0 | 1 | 2 {
  const catalogue = referenceCatalogue();
  let files: { path: string; file: ScenarioFile }[];
  try {
    files = folders.flatMap(scenarioFilesOf).map((path) => ({ path, file: readScenarioFile(path) }));
  } catch (error) {
    print(error instanceof Error ? error.message : String(error));
    return 2;
  }
  if (files.length === 0) {
    print('no scenario files there (*.yaml)');
    return 2;
  }
  const counts = { permit: 0, refusal: 0, failed: 0 };
  for (const { path, file } of files) {
    print(`${file.theme} (${relative('.', path)})`);
    for (const one of file.cases) {
      const differences = decided(() => differencesOf(file, one, catalogue));
      counts[one.then === 'permit' ? 'permit' : 'refusal'] += 1;
      if (differences.length > 0) counts.failed += 1;
      const outcome = one.then === 'permit' ? 'permit' : one.then.join(', ');
      print(`  ${differences.length === 0 ? 'ok    ' : 'FAILED'} ${one.case}: ${outcome}`);
      for (const difference of differences) print(`         ${difference}`);
    }
  }
  print(
    `${counts.permit + counts.refusal} cases (${counts.permit} permits, ${counts.refusal} refusals) in ${files.length} files: ` +
      (counts.failed === 0 ? 'all came out as they say' : `${counts.failed} did not come out as they say`),
  );
  return counts.failed === 0 ? 0 : 1;
}

/** A case that cannot be read has failed, and the others go on. */
function decided(differences: () => readonly string[]): readonly string[] {
  try {
    return differences();
  } catch (error) {
    return [error instanceof Error ? error.message : String(error)];
  }
}
