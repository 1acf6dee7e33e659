import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cloneFolder } from './clone.js';
import type { DataFolder } from './data-folder.js';
import { runTied } from './tied-process.js';

const pom = join(cloneFolder, 'deploy', 'kafka', 'pom.xml');

/**
 * The folder with the broker's jars, fetched by Maven once for each content of the pom. Shared by all data folders of
 * this clone.
 */
export async function kafkaJars(cache: DataFolder, report: (line: string) => void): Promise<string> {
  const version = createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 16);
  const folder = cache.within('kafka-jars', version);
  if (existsSync(folder)) return folder;
  report('fetching the jars of Apache Kafka with Maven (44 MB, once)');
  const unfinished = `${folder}.${process.pid}`;
  mkdirSync(dirname(unfinished), { recursive: true });
  try {
    const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${unfinished}`];
    await cache.logging('maven', (log) => runTied({ program: 'mvn', args: ['-q', '-B', '-f', pom, ...goal] }, log));
    if (!existsSync(folder)) renameSync(unfinished, folder);
  } catch (cause) {
    throw new Error(`the jars of Apache Kafka could not be fetched: see ${cache.logFileOf('maven')}`, { cause });
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}
