import { Controller, Get, Header, Inject, Injectable } from '@nestjs/common';
import { AppError } from '#kernel';
import { Public } from './public-route.js';
import { collectDefaultMetrics, Registry } from 'prom-client';

/** Metrics of the process, in Prometheus' text format at /metrics. */
export const metrics = new Registry();
collectDefaultMetrics({ register: metrics });

export const METRICS_TYPE = 'text/plain; version=0.0.4';

type Check = () => boolean | Promise<boolean>;

/** What must hold before a service takes work. Parts register their own check; stopping makes the service not ready at once. */
@Injectable()
export class Readiness {
  private readonly checks = new Map<string, Check>();
  private readonly warnings: (() => Promise<readonly string[]>)[] = [];
  private stopping = false;

  require(part: string, check: Check): void {
    this.checks.set(part, check);
  }

  /** What a person should look at although the service works. Texts without personal data. */
  warn(look: () => Promise<readonly string[]>): void {
    this.warnings.push(look);
  }

  async warned(): Promise<string[]> {
    return (await Promise.all(this.warnings.map((look) => look()))).flat();
  }

  stop(): void {
    this.stopping = true;
  }

  /** Names of the parts that are not ready; empty when all are. */
  async missing(): Promise<string[]> {
    if (this.stopping) return ['stopping'];
    const results = await Promise.all(
      [...this.checks].map(async ([part, check]) => ((await check()) ? undefined : part)),
    );
    return results.filter((part) => part !== undefined);
  }
}

@Public()
@Controller()
export class HealthController {
  constructor(@Inject(Readiness) private readonly readiness: Readiness) {}

  /** The process runs. */
  @Get('healthz')
  health(): { status: 'ok' } {
    return { status: 'ok' };
  }

  /** The process and what it needs are ready; 503 names what is missing. What a person should look at stands beside it. */
  @Get('readyz')
  async ready(): Promise<{ status: 'ready'; warnings?: string[] }> {
    const missing = await this.readiness.missing();
    if (missing.length > 0) throw new AppError('UNAVAILABLE', 'not ready', { missing });
    const warnings = await this.readiness.warned();
    return { status: 'ready', ...(warnings.length > 0 ? { warnings } : {}) };
  }
}

/** Where only the operator's own network calls. An edge tells its figures to METRICS_PORT on the loopback instead. */
@Public()
@Controller()
export class MetricsController {
  @Get('metrics')
  @Header('content-type', METRICS_TYPE)
  metrics(): Promise<string> {
    return metrics.metrics();
  }
}
