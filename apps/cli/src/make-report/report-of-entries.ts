import type { DisclosureReport, ProcessedLine, ReportedDisclosure } from '#disclosure-report';
import { type Basis, type LogBody, liftingConsents } from '#envelope';
import { type AgencyId, AppError, type PartyKind, type Pseudonym, type Result, err, ok, partyKindOf } from '#kernel';

export interface EntryAbout {
  readonly index: number;
  readonly body: LogBody;
}

export interface ReportOfEntries {
  readonly subject: Pseudonym;
  readonly madeBy: AgencyId;
  readonly madeAt: Date;
  readonly language: string;
  /** Without it from the first entry on, or as far back as needs no reason. */
  readonly from?: Date;
  readonly until: Date;
  /** Why it goes further back, where the law asks for a reason. */
  readonly reason?: string;
  /** Somebody else than the client reads it: agencies' names would tell where a client lives who is protected. */
  readonly withholdNames: boolean;
  /** So far the entries were proved to be all. */
  readonly provedComplete?: DisclosureReport['provedComplete'];
  readonly entries: readonly EntryAbout[];
}

/**
 * What the law says of accounts of a county's own log, as agents have it in their rules (client data Act 703/2023 §26 (?)): the
 * client learns who of its staff processed, and gets what is older only with a reason.
 */
export const countyRules = { kind: 'H' satisfies PartyKind, yearsWithoutReason: 2 } as const;

const opening = new Set(['message-released', 'message-re-released']);
/** Who looked the client up in the log, and who made or refused an account, has processed too. */
const looking = new Set(['log-search', 'break-glass-used', 'break-glass-shown', 'report-given', 'report-refused']);

/**
 * The account of one client from the log's entries, over all agencies that the reader may see. The log knows pseudonyms only:
 * of the client, and of each agency's staff. Errors: REPORT_REASON_NEEDED, MALFORMED (the period ends before it begins).
 */
export function reportOfEntries(asked: ReportOfEntries): Result<DisclosureReport> {
  const { subject, entries, until, reason, withholdNames, provedComplete, ...made } = asked;
  const about = entries.filter(({ body }) => body.subjects?.includes(subject) === true);
  const limit = new Date(made.madeAt);
  limit.setUTCFullYear(limit.getUTCFullYear() - countyRules.yearsWithoutReason);
  const needsReason = about.some(({ body }) => isOfCounty(body) && Date.parse(body.at) < limit.getTime());
  const first = about.map(({ body }) => body.at).sort()[0];
  const earliest = first === undefined ? made.madeAt : new Date(first);
  const from = made.from ?? (needsReason && reason === undefined ? limit : earliest);
  if (from >= until) return err(new AppError('MALFORMED', 'The period ends before it begins.', { field: 'from' }));
  const within = about.filter(({ body }) => {
    const at = Date.parse(body.at);
    return at >= from.getTime() && at < until.getTime();
  });
  if (reason === undefined && within.some(({ body }) => isOfCounty(body) && Date.parse(body.at) < limit.getTime()))
    return err(new AppError('REPORT_REASON_NEEDED'));
  const [disclosures, processing] = [within.flatMap(disclosuresOf), within.flatMap(processingOf)];
  return ok({
    v: 1,
    language: made.language,
    madeAt: made.madeAt.toISOString(),
    ...(!withholdNames && { madeBy: made.madeBy }),
    person: subject,
    period: { from: from.toISOString(), until: until.toISOString() },
    ...(reason !== undefined && { reason }),
    disclosures: withholdNames ? disclosures.map(({ from: _from, to: _to, ...line }) => line) : disclosures,
    processing: withholdNames
      ? processing.map(({ agency: _agency, pseudonym: _pseudonym, ...line }) => line)
      : processing,
    truncated: false,
    namesWithheld: withholdNames,
    ...(provedComplete && { provedComplete }),
  });
}

/** A county's own log: what it processed, and what it disclosed. */
const isOfCounty = ({ actor, sender }: LogBody): boolean =>
  [actor?.agency, sender].some((agency) => agency !== undefined && partyKindOf(agency) === countyRules.kind);

/** One line for each basis that the opened message states. */
function disclosuresOf({ index, body }: EntryAbout): ReportedDisclosure[] {
  const { type, exchangeId, sender, recipient, purpose, basis = [] } = body;
  if (!opening.has(type) || exchangeId === undefined) return [];
  return basis.map((item) => ({
    exchangeId,
    at: body.at,
    opened: true,
    ...(sender && { from: sender }),
    ...(recipient && { to: recipient }),
    categories: item.categories,
    ...liftOf(item),
    ...(purpose && { purpose }),
    logIndex: index,
  }));
}

function liftOf({ secrecyLift }: Basis): { basis: 'consent' | 'law'; provision?: string } {
  if ('statute' in secrecyLift) return { basis: 'law', provision: secrecyLift.statute.id };
  return { basis: liftingConsents(secrecyLift).length > 0 ? 'consent' : 'law' };
}

function processingOf({ index, body }: EntryAbout): ProcessedLine[] {
  const { type, exchangeId, actor, code } = body;
  const what = opening.has(type)
    ? 'opened'
    : type === 'release-refused'
      ? 'refused'
      : type.startsWith('consent-')
        ? 'consent'
        : looking.has(type)
          ? 'looked'
          : undefined;
  if (what === undefined) return [];
  return [
    {
      ...(exchangeId && { exchangeId }),
      at: body.at,
      what,
      ...(actor && { agency: actor.agency }),
      ...(actor?.worker && partyKindOf(actor.agency) === countyRules.kind && { pseudonym: actor.worker }),
      ...((code ?? (what === 'consent' || what === 'looked' ? type : undefined)) && { code: code ?? type }),
      logIndex: index,
    },
  ];
}
