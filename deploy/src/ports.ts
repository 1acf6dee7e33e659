import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import type { DataFolder } from './data-folder.js';

// Below Linux' ephemeral range (32768 and up): no outgoing connection of another program can sit on a kept port.
const lowest = 20_000;
const highest = 32_000;

/** Ports on 127.0.0.1, chosen once for each name and kept in `ports.json`, so that addresses survive a restart. */
export class Ports {
  private constructor(
    private readonly folder: DataFolder,
    private readonly kept: Record<string, number>,
  ) {}

  static open(folder: DataFolder): Ports {
    return new Ports(folder, (folder.readJson('ports.json') ?? {}) as Record<string, number>);
  }

  /** The port of this name. One that another program has taken meanwhile is replaced, and the new one kept. */
  async of(name: string): Promise<number> {
    const known = this.kept[name];
    if (known !== undefined && (await isFree(known))) return known;
    let port = randomInt(lowest, highest);
    while (Object.values(this.kept).includes(port) || !(await isFree(port))) port = randomInt(lowest, highest);
    this.kept[name] = port;
    this.folder.writeJson('ports.json', this.kept);
    return port;
  }
}

const isFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '127.0.0.1', exclusive: true }, () => probe.close(() => resolve(true)));
  });
