import { Inject, Injectable } from '@nestjs/common';
import { dayInHelsinki } from '#calendar';
import { type ConsentRecord, joinedWith, liftingConsents, readManifest } from '#envelope';
import { AppError, type AgencyId, type Clock, type Pseudonym } from '#kernel';
import { CLOCK } from '#platform';
import type { CallingSystem } from '../authenticate-system/calling-system.js';
import { KnownConsents, type ToldConsent } from '../choose-basis/known-consents.js';
import type { KnownConsent } from '../domain/judge-basis.js';
import { Notices } from '../give-notice/notices.js';
import { member } from '../hub-client/hub-http.js';
import { type AskedAbout, ClientStore, type Disclosure } from '../infra/client-store.js';
import { ConsentStore, type KeptConsent } from '../infra/consent-store.js';
import { ExchangeStore } from '../infra/exchange-store.js';
import { LinkStore } from '../infra/link-store.js';
import { ProposalStore } from '../infra/proposal-store.js';
import { ProtectedClients } from '../infra/protected-clients.js';
import { Directory } from '../look-up-directory/directory.js';
import { type AccountRow, accountPage } from '../print-page/client-page.js';
import { openedUses, shownRecord } from '../record-consent/show-consent.js';
import { type ClientIdentity, everyPseudonymOf, subjectOf } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import type { AskedAboutDto, ClientDisclosureDto, ClientViewDto, SeeClientDto } from './client-view.dto.js';

const MOST_LISTED = 200;
/** Of so many sent answers the hub is asked whether they were opened. */
const MOST_ASKED = 50;
const running = new Set(['active', 'suspended', 'not-yet-valid', 'recorded']);

export interface Concerning {
  readonly asked: readonly AskedAbout[];
  readonly disclosures: readonly ClientDisclosureDto[];
}

/** What this agency knows about a client, before names are withheld. */
export interface SeenClient extends Concerning {
  readonly consents: readonly (KnownConsent & { readonly used: ReturnType<typeof openedUses> })[];
  readonly kept: readonly KeptConsent[];
  readonly proposals: readonly { readonly consentId: string; readonly state: string }[];
  readonly namesWithheld: boolean;
}

/**
 * What a client may see who was identified by this agency: everything that concerns this agency, and nothing else. Each look
 * is recorded with the exchanges that it shows.
 */
@Injectable()
export class SeeClient {
  constructor(
    @Inject(ClientStore) private readonly clients: ClientStore,
    @Inject(ConsentStore) private readonly kept: ConsentStore,
    @Inject(LinkStore) private readonly links: LinkStore,
    @Inject(KnownConsents) private readonly knownConsents: KnownConsents,
    @Inject(ProposalStore) private readonly proposals: ProposalStore,
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(ProtectedClients) private readonly protectedClients: ProtectedClients,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(Notices) private readonly notices: Notices,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError IDENTITY_CODE_INVALID, PSEUDONYM_KEY_MISSING, and the hub's when it is away */
  async view(caller: CallingSystem, wish: SeeClientDto): Promise<ClientViewDto> {
    const { consents, proposals, asked, disclosures, namesWithheld } = await this.seen(caller, wish);
    return {
      consents: consents.map(({ used, ...known }) => {
        const shown = shownRecord(known);
        return {
          ...(namesWithheld ? { ...shown, requesters: [], disclosers: [], grants: nameless(known.record) } : shown),
          used: namesWithheld ? used.map((use) => ({ ...use, recipient: '' })) : used,
          withdraw: running.has(known.state) ? `/v1/consents/${known.id}/withdraw` : '',
        };
      }),
      proposals: [...proposals],
      asked: asked.map((one) => shownAsked(one, caller.agency.id, namesWithheld)),
      disclosures: disclosures.map((one) => shownDisclosure(one, namesWithheld)),
      namesWithheld,
    };
  }

  /** The same as a page in the client's language. @throws AppError as `view`, NOTICE_UNKNOWN */
  async page(caller: CallingSystem, wish: SeeClientDto): Promise<string> {
    const seen = await this.seen(caller, wish);
    const rows = seen.disclosures.map(({ from, to, categories, basis, provision, at, openedBy }): AccountRow => ({
      categories,
      from: from as AgencyId,
      to: to as AgencyId,
      basis,
      at,
      ...(provision === undefined ? {} : { provision }),
      ...(openedBy === undefined ? {} : { openedBy }),
    }));
    return accountPage(seen.consents, rows, caller.agency.id, {
      notice: this.notices.inForce(wish.language, dayInHelsinki(this.clock.now())),
      names: await this.directory.agencyNames(),
      namesWithheld: seen.namesWithheld,
      person: wish.client.name ?? '',
      deciders: [],
      officer: seen.kept.find(({ officer }) => officer !== null)?.officer ?? undefined,
    });
  }

  /** Records the look. @throws AppError as `view` */
  async seen(
    caller: CallingSystem,
    { client, reader }: Pick<SeeClientDto, 'client' | 'reader'>,
    { limit, what } = { limit: MOST_LISTED, what: 'client view' },
  ): Promise<SeenClient> {
    const { agency } = caller;
    const { known, numbers } = await this.lookUp(agency, client);
    const [kept, concerning, open] = await Promise.all([
      this.kept.list(agency.id, numbers, MOST_LISTED),
      this.concerning(agency, numbers, limit),
      this.proposals.list(agency.id, numbers, MOST_LISTED),
    ]);
    const consents = known.map(({ told, ...consent }) => ({ ...consent, used: openedUses(told, 'used') }));
    const readers = reader ? everyPseudonymOf(agency, reader) : [];
    const isProtected = (await this.protectedClients.among(agency.id, [client])).length > 0;
    await this.recordLooks(caller, concerning.asked, what);
    return {
      consents,
      kept,
      proposals: open.filter(({ state }) => state !== 'answered').map(({ id, state }) => ({ consentId: id, state })),
      ...concerning,
      namesWithheld:
        readers.length > 0 &&
        !readers.some((one) => numbers.includes(one)) &&
        (isProtected || consents.some(({ record }) => readers.some((one) => withholds(record, one)))),
    };
  }

  /**
   * The client under every version of the pseudonym key and every number that is joined. The hub is asked under the present
   * version, and under an earlier one only where something is known here: else it would learn which pseudonyms follow each other.
   */
  private async lookUp(
    agency: ServedAgency,
    client: ClientIdentity,
  ): Promise<{ readonly known: ToldConsent[]; readonly numbers: Pseudonym[] }> {
    const present = subjectOf(agency, client).pseudonym;
    const earlier = everyPseudonymOf(agency, client).filter((pseudonym) => pseudonym !== present);
    const asked = [present, ...(await this.clients.known(agency.id, earlier))];
    const { consents, links } = await this.knownConsents.aboutAll(agency, asked);
    const own = await this.links.among(agency.id, [present, ...earlier]);
    const numbers = [present, ...earlier].flatMap((one) => [...joinedWith(one, [...links, ...own])]);
    // Under two versions the hub tells of one consent in its newest.
    const known = [...new Map(consents.map((consent) => [consent.id, consent])).values()];
    return { known, numbers: [...new Set(numbers)] };
  }

  /** What the agency's own tables say about a person, and the hub about what it sent. */
  async concerning(
    agency: ServedAgency,
    numbers: readonly Pseudonym[],
    limit: number = MOST_LISTED,
  ): Promise<Concerning> {
    const [asked, disclosed] = await Promise.all([
      this.clients.asked(agency.id, numbers, limit),
      this.clients.disclosures(agency.id, numbers, limit),
    ]);
    return { asked, disclosures: await this.shownDisclosures(agency, disclosed) };
  }

  private async shownDisclosures(
    agency: ServedAgency,
    disclosures: readonly Disclosure[],
  ): Promise<ClientDisclosureDto[]> {
    const sent = disclosures.filter(({ direction }) => direction === 'sent').slice(0, MOST_ASKED);
    const released = new Map(
      await Promise.all(
        sent.map(
          async ({ exchangeId, messageId }) => [messageId, await openedThere(agency, exchangeId, messageId)] as const,
        ),
      ),
    );
    return disclosures.flatMap((one) => {
      const [from, to] = one.direction === 'received' ? [one.counterpart, agency.id] : [agency.id, one.counterpart];
      const there = released.get(one.messageId);
      return basesOf(one).map(({ categories, basis, provision }) => ({
        exchangeId: one.exchangeId,
        from,
        to,
        categories,
        basis,
        ...(provision === undefined ? {} : { provision }),
        at: one.at.toISOString(),
        ...(one.openedAt === null ? {} : { openedAt: one.openedAt.toISOString() }),
        ...(one.openedBy === null ? {} : { openedBy: one.openedBy }),
        ...(there === undefined ? {} : { openedThere: there }),
      }));
    });
  }

  private recordLooks(
    { agency, system, worker }: CallingSystem,
    asked: readonly AskedAbout[],
    what: string,
  ): Promise<void> {
    const ids = asked.map(({ exchangeId }) => exchangeId);
    return this.exchanges.recordLooks(agency.id, ids, {
      system,
      ...(worker === undefined ? {} : { worker }),
      what,
      at: this.clock.now(),
    });
  }
}

/** Who asked whom. No agency is named where names are withheld. */
export const shownAsked = (
  { exchangeId, role, counterpart, purpose, categories, state, createdAt }: AskedAbout,
  agency: AgencyId,
  namesWithheld: boolean,
): AskedAboutDto => ({
  exchangeId,
  ...(namesWithheld
    ? {}
    : role === 'asker'
      ? { asker: agency, holder: counterpart }
      : { asker: counterpart, holder: agency }),
  purpose,
  categories: [...categories],
  state,
  at: createdAt.toISOString(),
});

/** As `shownAsked`; whoever opened it is not named either. */
export function shownDisclosure(disclosure: ClientDisclosureDto, namesWithheld: boolean): ClientDisclosureDto {
  if (!namesWithheld) return disclosure;
  const shown = { ...disclosure };
  delete shown.from;
  delete shown.to;
  delete shown.openedBy;
  return shown;
}

/** One line for each basis that the message states. */
function basesOf({ manifest }: Disclosure): { categories: number[]; basis: 'consent' | 'law'; provision?: string }[] {
  const read = readManifest(manifest);
  if (!read.ok) throw new Error('a stored manifest cannot be read');
  return read.value.context.basis.map(({ categories, secrecyLift }) =>
    'statute' in secrecyLift
      ? { categories, basis: 'law', provision: secrecyLift.statute.id }
      : { categories, basis: liftingConsents(secrecyLift).length > 0 ? 'consent' : 'law' },
  );
}

/** Undefined while the hub is away. */
async function openedThere(
  agency: ServedAgency,
  exchangeId: Disclosure['exchangeId'],
  messageId: Disclosure['messageId'],
): Promise<boolean | undefined> {
  try {
    const messages = member(await agency.hub.exchange(exchangeId), 'messages');
    return (Array.isArray(messages) ? (messages as unknown[]) : []).some(
      (message) => member(message, 'messageId') === messageId && member(message, 'state') === 'released',
    );
  } catch (error) {
    if (error instanceof AppError) return undefined;
    throw error;
  }
}

const withholds = ({ deciders }: ConsentRecord, reader: Pseudonym): boolean =>
  deciders.some(({ pseudonym, namesWithheld }) => pseudonym === reader && namesWithheld === true);

const nameless = ({ grants }: ConsentRecord): { category: number; disclosers: AgencyId[]; recipients: AgencyId[] }[] =>
  grants.map(({ category }) => ({ category, disclosers: [], recipients: [] }));
