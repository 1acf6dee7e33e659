import { Inject, Injectable } from '@nestjs/common';
import { dayInHelsinki } from '#calendar';
import { findCategory, findRefusalReason } from '#catalogue';
import { type MessageContext, readManifest } from '#envelope';
import { AppError, type Clock, type Result, err, ok } from '#kernel';
import { CLOCK, Database, LOGGER, type Logger } from '#platform';
import type { AdapterSettings } from '../agency-settings.js';
import { type ConsentsAbout, KnownConsents } from '../choose-basis/known-consents.js';
import { type Draft, leavesByItself } from '../domain/draft-rules.js';
import { narrowed } from '../domain/narrow-for-protected.js';
import { judgeBasis, namesConsent } from '../domain/judge-basis.js';
import { DraftStore, type RequestToDraft } from '../infra/draft-store.js';
import { ProtectedClients } from '../infra/protected-clients.js';
import { InboxStore, type ReceivedMessage } from '../infra/inbox-store.js';
import { Directory, type LoadedCatalogue } from '../look-up-directory/directory.js';
import { pauseAfter } from '../send-message/outbox-sender.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import { Adapters } from './adapters.js';
import { SettleReply } from './settle-reply.js';

/** Requests taken at a time. */
export const DRAFT_BATCH = 16;
const RETRY_AFTER_MS = 1_000;
/** Then a person answers instead of the register. */
const MOST_ATTEMPTS = 8;

/** Fills drafts from the agency's registers. What may leave by itself is decided at once, all else waits for a person. */
@Injectable()
export class Drafter {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DraftStore) private readonly drafts: DraftStore,
    @Inject(KnownConsents) private readonly known: KnownConsents,
    @Inject(InboxStore) private readonly inbox: InboxStore,
    @Inject(ProtectedClients) private readonly protectedClients: ProtectedClients,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(Adapters) private readonly adapters: Adapters,
    @Inject(SettleReply) private readonly settleReply: SettleReply,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  async runOnce(agency: ServedAgency): Promise<number> {
    const due = await this.drafts.toFill(agency.id, this.clock.now(), DRAFT_BATCH);
    await Promise.all(due.map((request) => this.draft(agency, request)));
    return due.length;
  }

  private async draft(agency: ServedAgency, due: RequestToDraft): Promise<void> {
    const request = await this.inbox.find(agency.id, due.messageId);
    const manifest = request && readManifest(request.manifest);
    if (!request || !manifest?.ok) throw new Error('a draft without its request');
    const { context } = manifest.value;
    const loaded = await this.directory.catalogue();
    const consents = await this.consents(agency, context);
    if (!consents.ok) return this.later(agency, due, due.categories, consents.error);
    const at = this.clock.now();
    const facts = { catalogue: loaded.catalogue, ...consents.value, day: dayInHelsinki(at), at };

    const drafts = new Map<number, Draft | undefined>();
    const toAsk: number[] = [];
    for (const category of due.categories) {
      const judgement = judgeBasis(context, category, facts);
      if (judgement === 'ask-a-person') drafts.set(category, undefined);
      else if (judgement.may) toAsk.push(category);
      else drafts.set(category, { outcome: 'refused', reason: judgement.reason });
    }
    for (const [settings, categories] of byAdapter(agency, toAsk)) {
      const filled = await this.ask(agency, settings, request, context, categories);
      if (filled.ok) for (const category of categories) drafts.set(category, filled.value.get(category));
      else await this.later(agency, due, categories, filled.error);
    }
    await this.keep(agency, request, drafts, loaded);
  }

  private async ask(
    agency: ServedAgency,
    settings: AdapterSettings,
    request: ReceivedMessage,
    context: MessageContext,
    categories: readonly number[],
  ): Promise<Result<ReadonlyMap<number, Draft | undefined>>> {
    const adapter = this.adapters.of(settings);
    const client = request.subjects?.[0];
    // About nobody, or about several: registers are keyed by one person, so a person answers.
    if (!adapter || !client || request.subjects.length > 1 || request.content?.type !== 'request') return ok(new Map());
    return adapter.fill({
      agency: agency.id,
      messageId: request.messageId,
      exchangeId: request.exchangeId,
      asker: context.sender,
      client,
      request: request.content,
      categories,
      today: dayInHelsinki(this.clock.now()),
    });
  }

  private async keep(
    agency: ServedAgency,
    request: ReceivedMessage,
    drafts: ReadonlyMap<number, Draft | undefined>,
    { catalogue, check }: LoadedCatalogue,
  ): Promise<void> {
    const day = dayInHelsinki(this.clock.now());
    const isProtected = await this.concernsProtected(agency, request);
    await this.database.transaction(async (client) => {
      for (const [category, proposed] of drafts) {
        const known = findCategory(catalogue.categories, category, day);
        const found =
          proposed && isProtected ? narrowed(proposed, known, (content) => check(category, content).ok) : proposed;
        const draft = found?.outcome === 'given' && !check(category, found.content).ok ? undefined : found;
        if (found && !draft) this.logger.warn({ agency: agency.id, category }, 'the register gave what fits no schema');
        if (!draft) {
          await this.drafts.leaveToPerson(client, agency.id, request, category, found ? 'SCHEMA_INVALID' : undefined);
          continue;
        }
        const settings = agency.settings.adapters.find(({ categories }) => categories.includes(category));
        const refusal =
          draft.outcome === 'refused' ? findRefusalReason(catalogue.refusalReasons, draft.reason, day) : undefined;
        const byItself = !isProtected && settings && known && leavesByItself(settings, known, refusal);
        const decision = byItself ? this.settleReply.decide(catalogue, category, draft, 'register') : undefined;
        await this.drafts.fill(client, agency.id, request, category, draft, decision?.ok ? decision.value : undefined);
      }
      const settled = await this.settleReply.settle(client, agency, request, catalogue);
      if (!settled.ok) throw settled.error;
    });
  }

  private async concernsProtected(agency: ServedAgency, { subjects }: ReceivedMessage): Promise<boolean> {
    return (await this.protectedClients.among(agency.id, subjects ?? [])).length > 0;
  }

  /** Asked only where the request rests on a consent. */
  private async consents(agency: ServedAgency, context: MessageContext): Promise<Result<ConsentsAbout>> {
    if (!namesConsent(context)) return ok({ consents: [], links: [] });
    try {
      return ok(await this.known.aboutAll(agency, context.subjects));
    } catch (error) {
      if (error instanceof AppError) return err(error);
      throw error;
    }
  }

  private async later(
    agency: ServedAgency,
    due: RequestToDraft,
    categories: readonly number[],
    error: AppError,
  ): Promise<void> {
    const items = await this.drafts.items(agency.id, due.sender, due.messageId);
    const attempts = Math.max(...items.map((item) => item.attempts));
    const nextAt =
      attempts + 1 < MOST_ATTEMPTS
        ? new Date(this.clock.now().getTime() + pauseAfter(attempts, RETRY_AFTER_MS))
        : undefined;
    await this.drafts.adapterFailed(agency.id, due, categories, error.code, nextAt);
    this.logger.warn({ agency: agency.id, messageId: due.messageId, code: error.code, attempts }, 'no draft yet');
  }
}

function byAdapter(agency: ServedAgency, categories: readonly number[]): Map<AdapterSettings, number[]> {
  const groups = new Map<AdapterSettings, number[]>();
  for (const settings of agency.settings.adapters) {
    const some = categories.filter((category) => settings.categories.includes(category));
    if (some.length > 0) groups.set(settings, some);
  }
  return groups;
}
