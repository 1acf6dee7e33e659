import { Inject, Injectable } from '@nestjs/common';
import { type MessageContext, parseContext } from '#envelope';
import { type AgencyId, AppError, type Clock, unwrap } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database, type DirectoryView, DirectoryWatch } from '#platform';
import { decideBasis, type Decision } from '../domain/decide-basis.js';
import { CatalogueView } from '../infra/catalogue-view.js';
import { basisAskedEvent } from '../infra/consent-event.js';
import { activeAmong, readFacts } from '../infra/read-facts.js';
import { ASK_LIMITS, type AskLimits, countAsked, forgetAsked } from './asked-counts.js';

@Injectable()
export class AskBasis {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DirectoryWatch) private readonly directory: DirectoryView,
    @Inject(CatalogueView) private readonly catalogue: CatalogueView,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(ASK_LIMITS) private readonly limits: AskLimits,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Would a message like this be released now? Asked by one of its two parties before anything is sealed, and decided by the
   * function that decides at release. It counts no use, and is no promise: the release is decided again.
   *
   * That it was asked is logged, with parties, persons and categories, and without the answer: that would tell of a consent.
   *
   * @param contextJson JSON of the context that the message would have; nobody has signed it
   * @throws AppError MALFORMED, BASIS_MALFORMED, FORBIDDEN (the caller is neither sender nor recipient), DIRECTORY_STALE,
   *   SUBJECT_QUOTA_EXCEEDED, ENUMERATION_QUOTA_EXCEEDED
   */
  async ask(agency: AgencyId, contextJson: string): Promise<Decision> {
    const catalogue = this.catalogue.current();
    const context = readContext(contextJson);
    if (context.sender !== agency && context.recipient !== agency) throw new AppError('FORBIDDEN');
    const decision = await this.database.transaction(async (client) => {
      const now = this.clock.now();
      await forgetAsked(client, agency, now);
      await countAsked(client, this.limits, { agency, subjects: [...new Set(context.subjects)], at: now });
      const stored = await readFacts(client, [context]);
      await this.outbox.enqueue(client, [basisAskedEvent(context, agency, now)]);
      return decideBasis(context, {
        ...stored,
        catalogue,
        activeAgencies: activeAmong(this.directory, [context]),
        now,
      });
    });
    this.relay.wake();
    return decision;
  }
}

function readContext(json: string): MessageContext {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new AppError('MALFORMED', 'the context is not JSON');
  }
  return unwrap(parseContext(value));
}
