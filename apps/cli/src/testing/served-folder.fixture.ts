import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { LogFiles } from '../domain/log-files.js';

/** A log's files over HTTP, below `/log`, as the gateway or any file server shows them. */
export class ServedLog {
  readonly asked: string[] = [];

  private constructor(private readonly server: Server) {}

  static async start(files: LogFiles): Promise<ServedLog> {
    const server = createServer();
    const served = new ServedLog(server);
    server.on('request', ({ url = '' }, response) => {
      const path = decodeURIComponent(url).replace(/^\/log\//, '');
      served.asked.push(path);
      void files.read(path).then((content) => response.writeHead(content ? 200 : 404).end(content));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return served;
  }

  /** Of the gateway that serves it. */
  get gateway(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }
}
