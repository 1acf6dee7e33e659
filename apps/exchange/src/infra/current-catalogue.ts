import { type Catalogue, parseCatalogue } from '#catalogue';
import { unwrap } from '#kernel';
import type { DirectoryView } from '#platform';

/** The catalogue of the directory's snapshot, parsed once for each version of it. */
export class CurrentCatalogue {
  private json = '';
  private parsed: Catalogue | undefined;

  constructor(private readonly directory: DirectoryView) {}

  /** @throws AppError DIRECTORY_STALE without a snapshot; CONFIG_INVALID for a catalogue that is none */
  get(): Catalogue {
    const { json } = this.directory.catalogue();
    if (!this.parsed || json !== this.json) {
      this.parsed = unwrap(parseCatalogue(json));
      this.json = json;
    }
    return this.parsed;
  }
}
