import { DataFolder } from './data-folder.js';
import { Ownership } from './ownership.js';
import { Ports } from './ports.js';
import { Supervisor } from './supervisor.js';
import { spawnTied } from './tied-process.js';

// A parent to be killed: supervises one Node service and one foreign program below the guard.
const [path = ''] = process.argv.slice(2);
const folder = new DataFolder(path);
const supervisor = new Supervisor(folder, await Ownership.take(folder, () => undefined), () => undefined);
const port = await Ports.open(folder).of('service');
const readyUrl = `http://127.0.0.1:${port}/`;
supervisor.start({
  name: 'service',
  entry: 'deploy/src/supervised-service.fixture.js',
  env: { HTTP_PORT: String(port), FOLDER: path },
  readyUrl,
});
supervisor.run({
  name: 'foreign',
  launch: (log) => spawnTied({ program: 'sh', args: ['-c', 'while :; do sleep 1; done', path] }, log, 'guard'),
  isReady: () => Promise.resolve(true),
  stopSignal: 'SIGINT',
  stopWithinMs: 5_000,
});
await supervisor.waitReady('service');
console.log(readyUrl);
