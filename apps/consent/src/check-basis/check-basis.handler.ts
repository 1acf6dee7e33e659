import { Inject, Injectable } from '@nestjs/common';
import type { CheckBasisResult } from '#contracts';
import { readManifest } from '#envelope';
import type { Clock } from '#kernel';
import { CLOCK, Database } from '#platform';
import { consentsNamed, decideBasis } from '../domain/decide-basis.js';
import { CatalogueView } from '../infra/catalogue-view.js';
import { readConsents, readUses } from '../infra/consents.js';

@Injectable()
export class CheckBasis {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(CatalogueView) private readonly catalogue: CatalogueView,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Would these messages' bases hold now? Locks and counts nothing. The caller has verified the signatures; what is decided
   * here is decided again at release.
   */
  async check(manifests: readonly string[]): Promise<CheckBasisResult[]> {
    const catalogue = this.catalogue.current();
    const read = manifests.map((token) => readManifest(token));
    const named = [...new Set(read.flatMap((manifest) => (manifest.ok ? consentsNamed(manifest.value.context) : [])))];
    const [consents, uses] = await Promise.all([readConsents(this.database, named), readUses(this.database, named)]);
    const now = this.clock.now();
    return read.map((manifest) => {
      if (!manifest.ok) return { allowed: false, code: manifest.error.code, reasons: [] };
      const decision = decideBasis(manifest.value.context, { catalogue, consents, uses, now });
      if (decision.allowed) return { allowed: true, code: '', reasons: [] };
      return {
        allowed: false,
        code: decision.reasons[0].code,
        reasons: decision.reasons.map(({ code, rule }) => `${code}: ${rule}`),
      };
    });
  }
}
