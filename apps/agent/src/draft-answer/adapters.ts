import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import type { Clock } from '#kernel';
import { CLOCK } from '#platform';
import type { AdapterSettings } from '../agency-settings.js';
import type { DraftAdapter } from './draft-adapter.js';
import { SqlAdapter } from './sql.adapter.js';
import { WebhookAdapter } from './webhook.adapter.js';

/** The adapters of all served agencies, each with connections of its own, made at first use. */
@Injectable()
export class Adapters implements OnApplicationShutdown {
  private readonly made = new Map<AdapterSettings, DraftAdapter>();

  constructor(@Inject(CLOCK) private readonly clock: Clock) {}

  /** Undefined for `manual`: there a person is the adapter. */
  of(settings: AdapterSettings): DraftAdapter | undefined {
    const known = this.made.get(settings);
    if (known || settings.kind === 'manual') return known;
    const adapter = settings.kind === 'sql' ? new SqlAdapter(settings) : new WebhookAdapter(settings, this.clock);
    this.made.set(settings, adapter);
    return adapter;
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.made.values()].map((adapter) => adapter.close()));
  }
}
