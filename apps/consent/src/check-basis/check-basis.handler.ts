import { Inject, Injectable } from '@nestjs/common';
import type { CheckBasisResult } from '#contracts';
import { readManifest } from '#envelope';
import type { Clock } from '#kernel';
import { CLOCK, Database, type DirectoryView, DirectoryWatch } from '#platform';
import { decideBasis } from '../domain/decide-basis.js';
import { CatalogueView } from '../infra/catalogue-view.js';
import { activeAmong, readFacts } from '../infra/read-facts.js';

@Injectable()
export class CheckBasis {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DirectoryWatch) private readonly directory: DirectoryView,
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
    const contexts = read.flatMap((manifest) => (manifest.ok ? [manifest.value.context] : []));
    const stored = await readFacts(this.database, contexts);
    const facts = {
      ...stored,
      catalogue,
      activeAgencies: activeAmong(this.directory, contexts),
      now: this.clock.now(),
    };
    return read.map((manifest) => {
      if (!manifest.ok) return { allowed: false, code: manifest.error.code, reasons: [] };
      const decision = decideBasis(manifest.value.context, facts);
      if (decision.allowed) return { allowed: true, code: '', reasons: [] };
      return {
        allowed: false,
        code: decision.reasons[0].code,
        reasons: decision.reasons.map(({ code, rule }) => `${code}: ${rule}`),
      };
    });
  }
}
