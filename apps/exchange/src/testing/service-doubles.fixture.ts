import { Server, ServerCredentials, type ServerWritableStream, type sendUnaryData, status } from '@grpc/grpc-js';
import {
  AuditEvent,
  type AuditServiceReleaseItem,
  AuditServiceService,
  ConsentServiceService,
  DirectoryServiceService,
  ExchangeEvent,
  type GetEntriesRequest,
  type LogRecord,
  type PermitRequest,
  type CheckBasisRequest,
  type ReleaseResult,
  type WatchResponse,
  topics,
} from '#contracts';
import {
  type LogBody,
  encodeClearEntry,
  encodeOpaqueEntry,
  generateSigningKey,
  readManifest,
  readReleaseRequest,
  signStatement,
} from '#envelope';
import { type ErrorCode, type EventId, newEventId, unwrap } from '#kernel';
import { MemoryTree, leafHash } from '#merkle';
import type { KafkaLog, Subscription } from '#messaging';
import type { Network } from './network.fixture.js';

const DAY_MS = 86_400_000;

type Call<Q> = { readonly request: Q };

/** A gRPC server with the directory, consent and audit as far as exchange needs them, each of which can be taken down. */
export class ServiceDoubles {
  /** Codes with which consent refuses messages at acceptance, by manifest. */
  readonly noBasis = new Map<string, ErrorCode>();
  /** Final refusals at release, by manifest. */
  readonly refusals = new Map<string, ErrorCode>();
  /** Called when consent is asked for permits: the place for what happens in the middle of a release. */
  onPermit: (() => Promise<void>) | undefined;
  /** Called when audit has decided and before it answers. */
  onReleased: (() => Promise<void>) | undefined;
  consentDown = false;
  auditDown = false;
  /** Whether audit's answers are lost on their way, after it has done its work. */
  auditMute = false;
  checkBasisCalls = 0;
  /** Calls that met a service that was down. */
  refusedCalls = 0;
  /** Every entry in the order of the log. */
  readonly records: LogRecord[] = [];
  readonly types: string[] = [];

  private readonly server = new Server();
  private readonly entries: Buffer[] = [];
  private readonly indices = new Map<string, number>();
  private readonly tree = MemoryTree.of([]);
  private readonly releases = new Map<string, ReleaseResult>();
  private readonly streams = new Set<ServerWritableStream<unknown, WatchResponse>>();
  private subscription: Subscription | undefined;
  private heart: NodeJS.Timeout | undefined;

  private constructor(
    private readonly network: Network,
    private readonly log: KafkaLog,
  ) {}

  static async start(network: Network, log: KafkaLog): Promise<{ doubles: ServiceDoubles; address: string }> {
    const doubles = new ServiceDoubles(network, log);
    await doubles.logReleaseKey();
    const port = await doubles.listen();
    await doubles.follow();
    return { doubles, address: `127.0.0.1:${port}` };
  }

  async stop(): Promise<void> {
    clearInterval(this.heart);
    await this.subscription?.stop();
    this.server.forceShutdown();
  }

  /** Sends the directory's snapshot to all who watch. */
  publishDirectory(): void {
    this.network.version += 1n;
    for (const stream of this.streams) stream.write(this.snapshot());
  }

  /** Logs an entry that came from elsewhere (the gateway's refusals) and tells of it. */
  async logAndTell(records: readonly LogRecord[]): Promise<void> {
    const entries = records.map((record) => this.entryOf(record));
    await this.tell([{ $case: 'logged', value: { entries, checkpoint: this.checkpoint() } }]);
  }

  private async logReleaseKey(): Promise<void> {
    const now = this.network.clock.now().getTime();
    const statement = await signStatement(
      'hub-key',
      {
        service: 'audit',
        use: 'release',
        jwk: this.network.releaseKey.publicJwk,
        useFrom: new Date(now - DAY_MS).toISOString(),
        useUntil: new Date(now + 32 * DAY_MS).toISOString(),
        destroyAfter: new Date(now + 90 * DAY_MS).toISOString(),
        iat: Math.floor(now / 1000),
      },
      await generateSigningKey(),
    );
    this.append(newEventId(), encodeClearEntry(newEventId(), { type: 'hub-key', record: statement }));
  }

  private listen(): Promise<number> {
    this.server.addService(DirectoryServiceService, {
      watch: (stream: ServerWritableStream<unknown, WatchResponse>) => {
        this.streams.add(stream);
        stream.on('cancelled', () => this.streams.delete(stream));
        stream.write(this.snapshot());
      },
    });
    this.server.addService(ConsentServiceService, {
      checkBasis: this.unary(
        () => this.consentDown,
        async ({ items }: CheckBasisRequest) => {
          this.checkBasisCalls += 1;
          return {
            results: items.map(({ manifest }) => {
              const code = this.noBasis.get(manifest) ?? '';
              return { allowed: code === '', code, reasons: [] };
            }),
          };
        },
      ),
      permit: this.unary(
        () => this.consentDown,
        async ({ items }: PermitRequest) => {
          await this.onPermit?.();
          return {
            results: items.map(({ manifest }) => {
              const code = this.refusals.get(manifest);
              return {
                result: code
                  ? { $case: 'refusal' as const, value: code }
                  : { $case: 'permit' as const, value: 'permit' },
              };
            }),
          };
        },
      ),
    });
    this.server.addService(AuditServiceService, {
      getEntries: this.unary(
        () => this.auditDown,
        async ({ from, to }: GetEntriesRequest) => ({ entries: this.entries.slice(Number(from), Number(to)) }),
      ),
      release: this.unary(
        () => this.auditDown,
        async ({ items }: { readonly items: AuditServiceReleaseItem[] }) => {
          const results: ReleaseResult[] = [];
          for (const item of items) results.push(await this.release(item));
          await this.onReleased?.();
          if (this.auditMute) throw new Error('the answer is lost');
          return { results };
        },
      ),
    });
    this.heart = setInterval(() => {
      for (const stream of this.streams)
        stream.write({ update: { $case: 'heartbeat', value: { version: this.network.version } } });
    }, 200);
    return new Promise((resolve, reject) => {
      this.server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error ? reject(error) : resolve(port),
      );
    });
  }

  private snapshot(): WatchResponse {
    return { update: { $case: 'snapshot', value: this.network.snapshot() } };
  }

  private unary<Q, R>(down: () => boolean, answer: (request: Q) => Promise<R>) {
    return (call: Call<Q>, callback: sendUnaryData<R>): void => {
      if (down()) {
        this.refusedCalls += 1;
        callback({ code: status.UNAVAILABLE, details: 'UNAVAILABLE: down' });
        return;
      }
      answer(call.request).then(
        (response) => callback(null, response),
        () => callback({ code: status.UNAVAILABLE, details: 'UNAVAILABLE: lost' }),
      );
    };
  }

  /** As audit: one leaf for each event of exchange, and one Logged record for each batch. */
  private async follow(): Promise<void> {
    this.subscription = await this.log.subscribe({
      groupId: 'audit-double',
      topics: [topics.exchangeEvents],
      onBatch: async ({ messages }) => {
        await this.logAndTell(messages.map(({ value }) => ExchangeEvent.decode(value).log!));
      },
    });
  }

  private async release(item: AuditServiceReleaseItem): Promise<ReleaseResult> {
    const request = unwrap(readReleaseRequest(item.releaseRequest));
    const known = this.releases.get(request.jti);
    if (known) return known;
    const { context, manifestHash } = unwrap(readManifest(item.manifest));
    if (item.accepted) await this.logAndTell([item.accepted]);
    const refused = item.decision?.$case === 'permitRefusal' ? item.decision.value : '';
    const again = [...this.records].some((r) => r.type === 'message-released' && r.manifestHash === manifestHash);
    const type = refused ? 'release-refused' : again ? 'message-re-released' : 'message-released';
    const record = {
      eventId: newEventId(),
      type,
      exchangeId: context.exchangeId,
      messageId: context.messageId,
      manifestHash,
      sender: context.sender,
      recipient: context.recipient,
      code: refused,
    };
    const entry = this.entryOf({ ...emptyRecord, ...record });
    const result: ReleaseResult = refused
      ? { result: { $case: 'refused', value: { code: refused, detail: refused, final: true } } }
      : {
          result: {
            $case: 'released',
            value: { receipt: { ...entry.receipt, opening: 'opening' }, consistencyProof: [] },
          },
        };
    this.releases.set(request.jti, result);
    await this.tell([
      {
        $case: 'release',
        value: { ...record, final: refused !== '', at: this.network.clock.now(), leafIndex: entry.leafIndex },
      },
    ]);
    return result;
  }

  private entryOf(record: LogRecord) {
    const eventId = record.eventId as EventId;
    let index = this.indices.get(eventId);
    if (index === undefined) {
      const body: LogBody = { v: 1, eventId, type: record.type, at: new Date(0).toISOString(), assertedBy: 'hub' };
      index = this.append(eventId, encodeOpaqueEntry(eventId, body, Buffer.alloc(32, 7)));
      this.records.push(record);
      this.types.push(record.type);
    }
    return {
      eventId,
      leafIndex: BigInt(index),
      topic: record.type === 'edge-refused' ? topics.gatewayRefusals : topics.exchangeEvents,
      receipt: {
        leafIndex: BigInt(index),
        inclusionProof: this.tree.inclusionProof(index),
        checkpoint: this.checkpoint(),
        opening: record.receiptFor ? 'eyJ.opening' : '',
        places: Buffer.alloc(0),
      },
    };
  }

  private append(eventId: EventId, entry: Buffer): number {
    const index = this.tree.append(leafHash(entry));
    this.entries.push(entry);
    this.indices.set(eventId, index);
    return index;
  }

  /** Shaped like one; nobody here verifies it. */
  private checkpoint(): string {
    return `log.test\n${this.tree.size}\n${this.tree.root().toString('base64')}\n\n— log.test AAAA\n`;
  }

  private async tell(events: readonly Told[]): Promise<void> {
    await this.log.publish(
      topics.auditEvents,
      events.map((event) => ({
        key: event.$case === 'release' ? event.value.exchangeId : (event.value.entries[0]?.eventId ?? ''),
        value: AuditEvent.encode({ event }).finish(),
      })),
    );
  }
}

type Told = Extract<NonNullable<AuditEvent['event']>, { $case: 'logged' | 'release' }>;

const emptyRecord: LogRecord = {
  eventId: '',
  type: '',
  at: undefined,
  exchangeId: '',
  exchangeNumber: 0,
  messageId: '',
  manifestHash: '',
  sender: '',
  recipient: '',
  actorAgency: '',
  actorWorker: '',
  subjects: [],
  categories: [],
  basisJson: '',
  purpose: '',
  code: '',
  consentId: '',
  consentVersion: 0,
  evidence: [],
  clearRecordJson: '',
  receiptFor: '',
};
