import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildReferenceData } from './reference-data.js';
import type { ReferenceData } from '../domain/reference-records.js';

/** The reference data of a folder such as `apps/directory/data`. Throws CONFIG_INVALID with every error. */
export function loadReferenceData(folder: string): ReferenceData {
  return buildReferenceData((path) => {
    const file = join(folder, path);
    return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
  });
}
