import { Inject, Injectable } from '@nestjs/common';
import { type Catalogue, type CategoryContentCheck, lazyCategoryCheck, parseCatalogue } from '#catalogue';
import { type AgencyId, AppError, type Clock, isAgencyId, sha256 } from '#kernel';
import { CLOCK, LOGGER, type Logger } from '#platform';
import { PublicHub } from '../hub-client/hub-client.js';
import { member } from '../hub-client/hub-http.js';
import { LogStore } from '../infra/log-store.js';

const KEPT_MS = 60_000;

export interface LoadedCatalogue {
  readonly version: number;
  readonly catalogue: Catalogue;
  /** Does content fit the JSON Schema of its category? */
  readonly check: CategoryContentCheck;
}

export interface RouteQuestion {
  readonly municipality: string | undefined;
  readonly duty: string;
  readonly clientGroup: string;
  readonly day: string;
  readonly category: number;
}

export interface Route {
  readonly agency: AgencyId;
  readonly onboarded: boolean;
  readonly rule: string;
}

export interface AgencyNames {
  readonly fi: string;
  readonly sv: string;
  /** Whom a client calls; empty where the directory has none. */
  readonly telephone: string;
}

/**
 * What the directory says in public: who answers for a matter, and the dated catalogue. Never keys, which come from the log.
 * The catalogue is compared with the hash in its clear leaf, so that one agency cannot be shown another law than the others.
 */
@Injectable()
export class Directory {
  private loaded: { value: LoadedCatalogue; at: number } | undefined;
  private names: { value: ReadonlyMap<AgencyId, AgencyNames>; at: number } | undefined;
  private loading: Promise<LoadedCatalogue> | undefined;

  constructor(
    @Inject(PublicHub) private readonly hub: PublicHub,
    @Inject(LogStore) private readonly store: LogStore,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  /** @throws AppError UNAVAILABLE when none was ever loaded; a known one serves while the hub is away */
  async catalogue(): Promise<LoadedCatalogue> {
    const now = this.clock.now().getTime();
    if (this.loaded && now - this.loaded.at < KEPT_MS) return this.loaded.value;
    this.loading ??= this.load().finally(() => (this.loading = undefined));
    try {
      return await this.loading;
    } catch (error) {
      if (this.loaded && error instanceof AppError && error.status >= 500) return this.loaded.value;
      throw error;
    }
  }

  /** @throws AppError ROUTE_UNKNOWN with the directory's advice when nobody answers */
  async route(question: RouteQuestion): Promise<Route> {
    const { municipality, duty, clientGroup, day, category } = question;
    const answer = await this.hub.route({
      ...(municipality === undefined ? {} : { municipality }),
      duty,
      clientGroup,
      day,
      category: String(category),
    });
    const agency = member(answer, 'agency');
    if (!isAgencyId(agency)) {
      const advice = member(answer, 'advice');
      throw new AppError('ROUTE_UNKNOWN', typeof advice === 'string' && advice !== '' ? advice : undefined, {
        category,
      });
    }
    return { agency, onboarded: member(answer, 'onboarded') === true, rule: String(member(answer, 'rule')) };
  }

  /** What agencies are called; kept a minute. Nothing is named while the hub is away and was never asked. */
  async agencyNames(): Promise<ReadonlyMap<AgencyId, AgencyNames>> {
    const now = this.clock.now().getTime();
    if (this.names && now - this.names.at < KEPT_MS) return this.names.value;
    try {
      const value = new Map((await this.hub.agencies()).flatMap(namesOf));
      this.names = { value, at: now };
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
    }
    return this.names?.value ?? new Map();
  }

  private async load(): Promise<LoadedCatalogue> {
    const { version, json } = await this.hub.catalogue();
    if (this.loaded?.value.version !== version) await this.compareWithLog(version, json);
    const parsed = parseCatalogue(json);
    if (!parsed.ok) throw new AppError('UNAVAILABLE', 'the catalogue cannot be read', {}, { cause: parsed.error });
    const known = this.loaded?.value;
    const value = known?.version === version ? known : compiled(version, parsed.value);
    this.loaded = { value, at: this.clock.now().getTime() };
    return value;
  }

  private async compareWithLog(version: number, json: string): Promise<void> {
    const logged = await this.store.catalogueHash(version);
    if (logged === undefined || logged === sha256(json)) return;
    const detail = `catalogue version ${version} is not the logged one`;
    await this.store.raise({ code: 'HASH_MISMATCH', detail }, this.clock.now());
    this.logger.error({ alarm: 'HASH_MISMATCH', version }, detail);
    throw new AppError('UNAVAILABLE', detail);
  }
}

const compiled = (version: number, catalogue: Catalogue): LoadedCatalogue => ({
  version,
  catalogue,
  check: lazyCategoryCheck(catalogue.schemas),
});

const namesOf = (agency: unknown): [AgencyId, AgencyNames][] => {
  const id = member(agency, 'id');
  const text = (value: unknown): string => (typeof value === 'string' ? value : '');
  const telephone = text(member(member(agency, 'contact'), 'telephone'));
  return isAgencyId(id)
    ? [[id, { fi: text(member(agency, 'nameFi')), sv: text(member(agency, 'nameSv')), telephone }]]
    : [];
};
