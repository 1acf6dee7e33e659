import { Server, ServerCredentials, type ServerWritableStream } from '@grpc/grpc-js';
import { DirectoryServiceService, type WatchRequest, type WatchResponse } from '#contracts';
import type { Parties } from './parties.fixture.js';

/** The directory as far as a watcher sees it: the snapshot at once and when told, heartbeats when told. */
export class DirectoryDouble {
  private readonly server = new Server();
  private readonly streams = new Set<ServerWritableStream<WatchRequest, WatchResponse>>();
  private version = 1n;

  private constructor(private readonly parties: Parties) {}

  static async start(parties: Parties, port = 0): Promise<{ directory: DirectoryDouble; address: string }> {
    const directory = new DirectoryDouble(parties);
    directory.server.addService(DirectoryServiceService, {
      watch: (stream: ServerWritableStream<WatchRequest, WatchResponse>) => {
        directory.streams.add(stream);
        stream.on('cancelled', () => directory.streams.delete(stream));
        stream.write(directory.snapshot());
      },
    });
    const bound = await new Promise<number>((resolve, reject) =>
      directory.server.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), (error, given) =>
        error ? reject(error) : resolve(given),
      ),
    );
    return { directory, address: `127.0.0.1:${bound}` };
  }

  publish(): void {
    this.version += 1n;
    for (const stream of this.streams) stream.write(this.snapshot());
  }

  beat(): void {
    for (const stream of this.streams)
      stream.write({ update: { $case: 'heartbeat', value: { version: this.version } } });
  }

  stop(): void {
    this.server.forceShutdown();
  }

  private snapshot(): WatchResponse {
    return { update: { $case: 'snapshot', value: this.parties.snapshot(this.version) } };
  }
}
