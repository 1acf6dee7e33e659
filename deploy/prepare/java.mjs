import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.mjs';
import { runVisibly } from './run-visibly.mjs';
import { stop } from './stop.mjs';

const oldest = 17;

/**
 * Java 17 or newer for the embedded Kafka, and Maven while its jars are not fetched. Where one is missing it is
 * installed if that is possible without asking (root with apt-get), else the command to type is shown. Leaves the java
 * to use in KOTOVAYLA_JAVA. With brokers of one's own (KAFKA_BROKERS) neither is needed.
 */
export async function ensureJava() {
  if (process.env.KAFKA_BROKERS) return;
  if (missing().length > 0) await install(missing());
  const java = findJava();
  if (java === undefined || missing().length > 0) stop(`Still missing: ${missing().join(' and ')}. ${advice()}`);
  process.env.KOTOVAYLA_JAVA = java;
}

function missing() {
  return [
    ...(findJava() === undefined ? [`Java ${oldest} or newer`] : []),
    ...(runs('mvn', ['-v']) || existsSync(join(root, '.kotovayla', 'kafka-jars')) ? [] : ['Maven']),
  ];
}

function findJava() {
  const home = process.env.JAVA_HOME;
  const candidates = [...(home ? [join(home, 'bin', 'java')] : []), 'java'];
  return candidates.find((java) => {
    const { stderr, status } = spawnSync(java, ['-version'], { encoding: 'utf8' });
    const [, major] = /version "(\d+)/.exec(stderr ?? '') ?? [];
    return status === 0 && Number(major) >= oldest;
  });
}

async function install(what) {
  const mayInstall = process.getuid?.() === 0 && runs('apt-get', ['--version']);
  if (!mayInstall) stop(`Missing: ${what.join(' and ')}. ${advice()}`);
  console.error(`Missing: ${what.join(' and ')}. Installing with apt-get, since this is root.`);
  await runVisibly('reading package lists', 'apt-get', ['update', '-qq']);
  const packages = ['install', '-y', '-qq', '--no-install-recommends', debianJava(), 'maven'];
  await runVisibly('installing Java and Maven', 'env', ['DEBIAN_FRONTEND=noninteractive', 'apt-get', ...packages]);
}

/** The newest long-term release that this distribution carries. */
function debianJava() {
  const names = ['openjdk-21-jre-headless', 'openjdk-17-jre-headless'];
  return names.find((name) => spawnSync('apt-cache', ['show', name]).status === 0) ?? 'default-jre-headless';
}

function advice() {
  const ways = [
    ['apt-get', 'sudo apt-get install -y openjdk-17-jre-headless maven'],
    ['dnf', 'sudo dnf install -y java-21-openjdk-headless maven'],
    ['brew', 'brew install openjdk maven'],
  ];
  const way = ways.find(([tool]) => runs(tool, ['--version']));
  const command = way ? `type: ${way[1]}` : 'install a JDK (https://adoptium.net) and Maven (https://maven.apache.org)';
  return `To go on, ${command}. Or name brokers of your own with KAFKA_BROKERS.`;
}

function runs(program, args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}
