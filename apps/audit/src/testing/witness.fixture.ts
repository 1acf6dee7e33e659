import { generateKeyPairSync } from 'node:crypto';
import { type IncomingMessage, type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { unwrap } from '#kernel';
import {
  type LogVerifier,
  type TreeHead,
  cosignatureLine,
  cosigner,
  cosignerKey,
  judgeAddCheckpoint,
  parseAddCheckpoint,
  treeSizeType,
} from '#merkle';

export interface OddAnswer {
  readonly status: number;
  readonly type?: string;
  readonly body?: string;
}

/** A foreign witness: keeps its state in memory, and answers otherwise than it should where a test says so. */
export class TestWitness {
  latest: Pick<TreeHead, 'size' | 'root'> | undefined;
  /** Answers to the next requests, in order; `silence` never answers. */
  readonly odd: (OddAnswer | 'silence')[] = [];
  /** Old sizes that it was asked from. */
  readonly asked: bigint[] = [];
  private readonly keys = generateKeyPairSync('ed25519');
  private readonly server: Server;

  private constructor(
    readonly name: string,
    private readonly log: LogVerifier,
  ) {
    this.server = createServer((request, response) => {
      void this.answer(request).then((answer) => {
        if (answer === 'silence') return;
        response.writeHead(answer.status, { 'content-type': answer.type ?? 'text/plain' }).end(answer.body ?? '');
      });
    });
  }

  static async start(name: string, log: LogVerifier): Promise<TestWitness> {
    const witness = new TestWitness(name, log);
    await new Promise<void>((resolve) => witness.server.listen(0, '127.0.0.1', resolve));
    return witness;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/witness/`;
  }

  /** Its line in a policy. */
  get policyLine(): string {
    return `witness ${this.name} ${cosignerKey(`${this.name}.example`, this.keys.publicKey)} ${this.url}`;
  }

  close(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }

  private async answer(request: IncomingMessage): Promise<OddAnswer | 'silence'> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    if (request.method !== 'POST' || request.url !== '/witness/add-checkpoint') return { status: 404 };
    const asked = unwrap(parseAddCheckpoint(Buffer.concat(chunks).toString('utf8')));
    this.asked.push(asked.oldSize);
    const odd = this.odd.shift();
    if (odd) return odd;
    const verdict = judgeAddCheckpoint(
      asked,
      (origin) => (origin === this.log.name ? this.log : undefined),
      this.latest,
    );
    if (verdict.status === 409) return { status: 409, type: treeSizeType, body: `${verdict.size}\n` };
    if (verdict.status !== 200) return { status: verdict.status };
    this.latest = verdict.checkpoint;
    const signer = cosigner(`${this.name}.example`, this.keys.privateKey, new Date());
    return { status: 200, body: cosignatureLine(verdict.checkpoint, signer) };
  }
}
