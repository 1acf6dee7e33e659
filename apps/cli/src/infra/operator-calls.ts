import {
  DirectoryServiceClient,
  ExchangeServiceClient,
  SetAsideServiceClient,
  type Snapshot,
  type WatchResponse,
} from '#contracts';
import { AppError } from '#kernel';
import { type GrpcClient, appErrorOf, grpcClient } from '#platform';

/** A retry handles the record before it answers. */
const setAsideDeadlineMs = 40_000;

/** The operator's calls go to the services themselves, not through the public edge. */
export const withDirectory = <T>(
  address: string,
  use: (client: GrpcClient<DirectoryServiceClient>) => Promise<T>,
): Promise<T> => calling(address, grpcClient(DirectoryServiceClient, address), use);

export const withExchange = <T>(
  address: string,
  use: (client: GrpcClient<ExchangeServiceClient>) => Promise<T>,
): Promise<T> => calling(address, grpcClient(ExchangeServiceClient, address), use);

/** Of each service that consumes. */
export const withSetAside = <T>(
  address: string,
  use: (client: GrpcClient<SetAsideServiceClient>) => Promise<T>,
): Promise<T> => calling(address, grpcClient(SetAsideServiceClient, address, { deadlineMs: setAsideDeadlineMs }), use);

async function calling<C extends { close(): void }, T>(
  address: string,
  client: C,
  use: (client: C) => Promise<T>,
): Promise<T> {
  try {
    return await use(client);
  } catch (error) {
    const silent = error instanceof AppError && (error.code === 'UNAVAILABLE' || error.code === 'TIMEOUT');
    throw silent ? new AppError(error.code, `No answer from ${address}. Is the service running?`) : error;
  } finally {
    client.close();
  }
}

const snapshotTimeoutMs = 5_000;

/** The directory as all services see it. Errors: UNAVAILABLE, TIMEOUT. */
export const readSnapshot = (address: string): Promise<Snapshot> =>
  withDirectory(
    address,
    (client) =>
      new Promise<Snapshot>((resolve, reject) => {
        const stream = client.raw.watch({ version: 0n });
        const timer = setTimeout(() => fail(new AppError('TIMEOUT')), snapshotTimeoutMs);
        const settle = (): void => {
          clearTimeout(timer);
          // Cancelling is an error to the stream, by then of interest to nobody.
          stream.removeAllListeners('error').on('error', () => undefined);
          stream.cancel();
        };
        const fail = (error: AppError): void => {
          settle();
          reject(error);
        };
        stream.on('data', ({ update }: WatchResponse) => {
          if (update?.$case !== 'snapshot') return;
          settle();
          resolve(update.value);
        });
        stream.on('error', (error) => fail(appErrorOf(error as Parameters<typeof appErrorOf>[0])));
        stream.on('end', () => fail(new AppError('UNAVAILABLE')));
      }),
  );
