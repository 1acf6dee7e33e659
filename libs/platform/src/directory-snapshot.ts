import {
  type Agency,
  type AgencyKey,
  type Catalogue,
  DirectoryServiceClient,
  type Snapshot,
  type WatchResponse,
} from '#contracts';
import { type AgencyId, AppError, type Clock, type Result, type Thumbprint, err, isThumbprint, ok } from '#kernel';
import { type ClientReadableStream, type GrpcClient, grpcClient } from './grpc.js';

/** Without a heartbeat for this long a service decides nothing any more (design: Calls between services). */
const STALE_AFTER_MS = 10_000;
const RECONNECT_AFTER_MS = 250;

/** What services ask of the directory, in memory, without a call per message. */
export interface DirectoryView {
  /** DIRECTORY_STALE when the snapshot is missing or has had no heartbeat for 10 s. */
  fresh(): Result<void>;
  agency(id: AgencyId): Agency | undefined;
  agencies(): readonly Agency[];
  /** A logged key of this agency, whatever its state: callers judge validity by the time that concerns them. */
  key(agency: AgencyId, kid: Thumbprint): AgencyKey | undefined;
  keysOf(agency: AgencyId): readonly AgencyKey[];
  catalogue(): Catalogue;
  readonly version: bigint;
}

/** Whether a key may be used at that moment: inside its validity and not revoked before. */
export const keyUsableAt = (key: AgencyKey, at: Date): boolean =>
  key.notBefore !== undefined &&
  key.notBefore <= at &&
  key.notAfter !== undefined &&
  at < key.notAfter &&
  (key.revokedAt === undefined || at < key.revokedAt);

/** A view over one snapshot; services use `DirectoryWatch`, tests build their own snapshot. */
export class SnapshotView implements DirectoryView {
  private readonly byId = new Map<string, Agency>();
  private readonly keys = new Map<string, AgencyKey[]>();

  constructor(private readonly snapshot: Snapshot) {
    for (const agency of snapshot.agencies) this.byId.set(agency.id, agency);
    for (const key of snapshot.keys) this.keys.set(key.agency, [...(this.keys.get(key.agency) ?? []), key]);
  }

  get version(): bigint {
    return this.snapshot.version;
  }
  fresh(): Result<void> {
    return ok(undefined);
  }
  agency(id: AgencyId): Agency | undefined {
    return this.byId.get(id);
  }
  agencies(): readonly Agency[] {
    return this.snapshot.agencies;
  }
  key(agency: AgencyId, kid: Thumbprint): AgencyKey | undefined {
    return isThumbprint(kid) ? this.keys.get(agency)?.find((key) => key.kid === kid) : undefined;
  }
  keysOf(agency: AgencyId): readonly AgencyKey[] {
    return this.keys.get(agency) ?? [];
  }
  catalogue(): Catalogue {
    if (!this.snapshot.catalogue) throw new AppError('DIRECTORY_STALE', 'the snapshot has no catalogue');
    return this.snapshot.catalogue;
  }
}

/** Holds the directory's snapshot by `Watch`, reconnects for ever, and fails closed when heartbeats stop. */
export class DirectoryWatch implements DirectoryView {
  private view: SnapshotView | undefined;
  private heardAt = 0;
  private stream: ClientReadableStream<WatchResponse> | undefined;
  private retry: NodeJS.Timeout | undefined;
  private closed = false;
  private readonly listeners: (() => void)[] = [];
  private readonly client: GrpcClient<DirectoryServiceClient>;

  constructor(
    address: string,
    private readonly clock: Clock,
  ) {
    this.client = grpcClient(DirectoryServiceClient, address);
  }

  start(): void {
    this.connect();
  }

  /** Called after each change of the snapshot. */
  onChange(listener: () => void): void {
    this.listeners.push(listener);
    if (this.view) listener();
  }

  fresh(): Result<void> {
    const age = this.clock.now().getTime() - this.heardAt;
    return this.view && age < STALE_AFTER_MS ? ok(undefined) : err(new AppError('DIRECTORY_STALE'));
  }

  get version(): bigint {
    return this.view?.version ?? 0n;
  }
  agency(id: AgencyId): Agency | undefined {
    return this.view?.agency(id);
  }
  agencies(): readonly Agency[] {
    return this.view?.agencies() ?? [];
  }
  key(agency: AgencyId, kid: Thumbprint): AgencyKey | undefined {
    return this.view?.key(agency, kid);
  }
  keysOf(agency: AgencyId): readonly AgencyKey[] {
    return this.view?.keysOf(agency) ?? [];
  }
  catalogue(): Catalogue {
    if (!this.view) throw new AppError('DIRECTORY_STALE');
    return this.view.catalogue();
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.retry);
    this.stream?.cancel();
    this.client.close();
  }

  private connect(): void {
    if (this.closed) return;
    const stream = this.client.raw.watch({ version: this.version });
    this.stream = stream;
    let over = false;
    const again = (): void => {
      if (over) return;
      over = true;
      this.retry = setTimeout(() => this.connect(), RECONNECT_AFTER_MS);
    };
    stream.on('data', (response: WatchResponse) => this.take(response));
    stream.on('error', again);
    stream.on('end', again);
  }

  private take(response: WatchResponse): void {
    this.heardAt = this.clock.now().getTime();
    if (response.update?.$case !== 'snapshot') return;
    this.view = new SnapshotView(response.update.value);
    for (const listener of this.listeners) listener();
  }
}
