import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { JWK } from 'jose';
import type { PermitResult, Snapshot } from '#contracts';
import type { AgencyId } from '#kernel';
import type { ReleaseItem } from './parties.fixture.js';

export interface ConsentProcessSetup {
  /** With the rights of the service's role. */
  readonly databaseUrl: string;
  readonly permitKey: JWK;
  readonly snapshot: Snapshot;
}

export type ConsentProcessCall =
  | { readonly id: number; readonly permit: readonly ReleaseItem[] }
  | { readonly id: number; readonly act: { readonly agency: AgencyId; readonly token: string } };

export type ConsentProcessAnswer =
  | { readonly id: number; readonly permits: readonly PermitResult[] }
  | { readonly id: number; readonly effectiveAt: Date }
  | { readonly id: number; readonly failure: string };

const entry = new URL('../../../../dist/apps/consent/src/testing/permitting-process.fixture.js', import.meta.url);

/** The service's use cases in an operating-system process of their own, over the database that others use as well. */
export class ConsentProcess {
  private readonly waiting = new Map<number, (answer: ConsentProcessAnswer) => void>();
  private calls = 0;

  private constructor(private readonly child: ChildProcess) {
    child.on('message', (answer: ConsentProcessAnswer) => {
      this.waiting.get(answer.id)?.(answer);
      this.waiting.delete(answer.id);
    });
  }

  static async start(setup: ConsentProcessSetup): Promise<ConsentProcess> {
    const child = fork(fileURLToPath(entry), { serialization: 'advanced', execArgv: [] });
    const ready = once(child, 'message');
    child.send(setup);
    await ready;
    return new ConsentProcess(child);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  async permit(items: readonly ReleaseItem[]): Promise<readonly PermitResult[]> {
    const answer = await this.call((id) => ({ id, permit: items }));
    if (!('permits' in answer)) throw new Error(JSON.stringify(answer));
    return answer.permits;
  }

  /** When the act took effect. */
  async act(agency: AgencyId, token: string): Promise<Date> {
    const answer = await this.call((id) => ({ id, act: { agency, token } }));
    if (!('effectiveAt' in answer)) throw new Error(JSON.stringify(answer));
    return answer.effectiveAt;
  }

  async stop(): Promise<void> {
    const exited = once(this.child, 'exit');
    this.child.disconnect();
    await exited;
  }

  private call(of: (id: number) => ConsentProcessCall): Promise<ConsentProcessAnswer> {
    const id = this.calls++;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      this.child.send(of(id));
    });
  }
}
