import { type Catalogue, parseCatalogue } from '#catalogue';
import { unwrap } from '#kernel';
import type { DirectoryView } from '#platform';

/** The catalogue of the directory's snapshot, parsed once per version. */
export class CatalogueView {
  private parsed: { version: number; catalogue: Catalogue } | undefined;

  constructor(private readonly directory: DirectoryView) {}

  /** @throws AppError DIRECTORY_STALE */
  current(): Catalogue {
    unwrap(this.directory.fresh());
    const { version, json } = this.directory.catalogue();
    if (this.parsed?.version !== version) this.parsed = { version, catalogue: unwrap(parseCatalogue(json)) };
    return this.parsed.catalogue;
  }
}
