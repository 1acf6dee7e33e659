import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import type { DataFolder } from './data-folder.js';
import type { Ownership } from './ownership.js';

/** One kind of child process: how to launch it, to know that it is ready, and to stop it. */
export interface ProcessDefinition {
  readonly name: string;
  /** Starts the process with its output appended to the descriptor. */
  launch(log: number): ChildProcess;
  isReady(): Promise<boolean>;
  readonly stopSignal: 'SIGINT' | 'SIGTERM';
  /** Milliseconds between the stop signal and SIGKILL. */
  readonly stopWithinMs: number;
}

const backoffMs = { first: 200, longest: 10_000 };
/** Having run this long (milliseconds) counts as a good start: the next crash is answered at once again. */
const steadyAfterMs = 30_000;

/** sysexits.h EX_CONFIG, with which our services refuse a configuration: the same one is refused again. */
const badConfiguration = 78;

/** A child process that is started again, with backoff, until it is told to stop. */
export class ManagedProcess {
  private child: ChildProcess | undefined;
  private exited: Promise<void> = Promise.resolve();
  private wanted = false;
  private backoff = backoffMs.first;
  private startsSinceWanted = 0;
  private retry: NodeJS.Timeout | undefined;

  constructor(
    private readonly definition: ProcessDefinition,
    private readonly folder: DataFolder,
    private readonly ownership: Ownership,
    private readonly report: (line: string) => void,
  ) {}

  get pid(): number | undefined {
    return this.child?.pid;
  }

  start(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.startsSinceWanted = 0;
    this.backoff = backoffMs.first;
    this.launch();
  }

  /** Resolves once the process answers. Rejects when it keeps ending by itself or the time (milliseconds) is over. */
  async ready(withinMs: number): Promise<void> {
    const deadline = Date.now() + withinMs;
    const startsBefore = this.startsSinceWanted;
    while (this.child === undefined || !(await this.definition.isReady())) {
      if (!this.wanted) throw this.failure('was stopped before it was ready');
      if (this.startsSinceWanted - startsBefore > 3) throw this.failure('does not start');
      if (Date.now() > deadline) throw this.failure('is not ready in time');
      await delay(100);
    }
  }

  /** Sends the signal to the process (SIGKILL to its group). One that ends of it is started again. */
  kill(name: NodeJS.Signals): void {
    const pid = this.child?.pid;
    if (pid === undefined) return;
    process.kill(name === 'SIGKILL' ? -pid : pid, name);
  }

  async stop(): Promise<void> {
    this.wanted = false;
    clearTimeout(this.retry);
    const child = this.child;
    if (child === undefined) return this.exited;
    child.kill(this.definition.stopSignal);
    const impatience = setTimeout(() => this.kill('SIGKILL'), this.definition.stopWithinMs);
    await this.exited;
    clearTimeout(impatience);
  }

  private launch(): void {
    const startedAt = Date.now();
    this.startsSinceWanted += 1;
    const child = this.folder.logging(this.definition.name, (log) => this.definition.launch(log));
    this.child = child;
    if (child.pid !== undefined) this.ownership.record(this.definition.name, child.pid);
    this.exited = new Promise((resolve) => {
      const onEnd = (reason: string): void => {
        if (this.child !== child) return;
        this.child = undefined;
        this.ownership.forget(this.definition.name);
        resolve();
        if (this.wanted) this.launchLater(reason, Date.now() - startedAt);
      };
      child.once('error', (error) => onEnd(error.message));
      child.once('exit', (code, signalName) => {
        if (code === badConfiguration) this.wanted = false;
        onEnd(signalName ?? `exit code ${code}`);
      });
    });
  }

  private launchLater(reason: string, ranMs: number): void {
    if (ranMs > steadyAfterMs) this.backoff = backoffMs.first;
    this.report(`${this.definition.name} ended (${reason}); started again in ${this.backoff} ms`);
    this.retry = setTimeout(() => this.launch(), this.backoff);
    this.backoff = Math.min(this.backoff * 2, backoffMs.longest);
  }

  private failure(what: string): Error {
    return new Error(`${this.definition.name} ${what}: see ${this.folder.logFileOf(this.definition.name)}`);
  }
}
