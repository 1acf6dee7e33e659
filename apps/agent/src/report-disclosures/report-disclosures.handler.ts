import { Inject, Injectable } from '@nestjs/common';
import { dayInHelsinki, startOfDay, addDays } from '#calendar';
import { type DisclosureReport, type ProcessedLine, type ReportedDisclosure, reportPage } from '#disclosure-report';
import { type ReportDecision, signStatement } from '#envelope';
import { AppError, type Clock, newEventId, numericDate, partyKindOf } from '#kernel';
import { renderPdf } from '#pdf';
import { CLOCK } from '#platform';
import type { CallingSystem } from '../authenticate-system/calling-system.js';
import { type Notice, Notices } from '../give-notice/notices.js';
import { ExchangeStore } from '../infra/exchange-store.js';
import type { RecordedReport } from '../hub-client/hub-client.js';
import { Directory } from '../look-up-directory/directory.js';
import { type AgencyNames, agencyName } from '../print-page/client-page.js';
import { SeeClient, type SeenClient } from '../see-client/see-client.handler.js';
import { subjectOf } from '../send-message/seal-outgoing.js';
import type {
  DisclosureReportDto,
  RefuseReportDto,
  ReportDisclosuresDto,
  ReportRefusedDto,
} from './report-disclosures.dto.js';
import { ReportRules } from './report-rules.js';

/** More does not fit a report that somebody reads. */
const MOST_LINES = 2_000;

/**
 * The client's account of what concerns this agency: disclosures from its own messages, processing from its own looks. Giving
 * and refusing it stand in the log, and without that entry nothing is given.
 */
@Injectable()
export class ReportDisclosures {
  constructor(
    @Inject(SeeClient) private readonly client: SeeClient,
    @Inject(ExchangeStore) private readonly exchanges: ExchangeStore,
    @Inject(Directory) private readonly directory: Directory,
    @Inject(Notices) private readonly notices: Notices,
    @Inject(ReportRules) private readonly rules: ReportRules,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError REPORT_REASON_NEEDED, MALFORMED (period), IDENTITY_CODE_INVALID, and the hub's when it is away */
  async report(caller: CallingSystem, wish: ReportDisclosuresDto): Promise<DisclosureReportDto> {
    const report = await this.made(caller, wish);
    return { ...report, disclosures: report.disclosures.map(copied), processing: [...report.processing] };
  }

  /** The same as a page. @throws AppError as `report`, NOTICE_UNKNOWN */
  async pdf(caller: CallingSystem, wish: ReportDisclosuresDto): Promise<Buffer> {
    const notice = this.notices.inForce(wish.language, dayInHelsinki(this.clock.now()));
    const names = await this.directory.agencyNames();
    const report = await this.made(caller, wish);
    return renderPdf(reportPage(report, settingOf(notice, names)));
  }

  /** @throws AppError MALFORMED (no such ground), and the hub's when it is away */
  async refuse(caller: CallingSystem, { client, ground: code, decidedBy }: RefuseReportDto): Promise<ReportRefusedDto> {
    const ground = this.rules.ground(code);
    if (!ground)
      throw new AppError('MALFORMED', `The grounds are: ${this.rules.grounds.join(', ')}.`, { field: 'ground' });
    const { provision, fi, sv, en } = ground;
    const decision = { outcome: 'refused' as const, ground: code, provision, by: decidedBy };
    const { leafIndex: logIndex } = await this.log(caller, client, decision);
    return { ground: code, provision, told: { fi, sv, en }, logIndex };
  }

  private async made(caller: CallingSystem, wish: ReportDisclosuresDto): Promise<DisclosureReport> {
    const { agency } = caller;
    const now = this.clock.now();
    const period = this.periodOf(caller, wish, now);
    const seen = await this.client.seen(caller, wish, { limit: MOST_LINES, what: 'disclosure report' });
    const looks = await this.exchanges.looksAt(
      agency.id,
      seen.asked.map(({ exchangeId }) => exchangeId),
      MOST_LINES,
    );
    // Before anything is shown.
    const by = caller.worker ?? caller.system;
    const { emergencyLooks } = await this.log(caller, wish.client, { outcome: 'given', by });
    const within = ({ at }: { readonly at: string }): boolean =>
      Date.parse(at) >= period.from.getTime() && Date.parse(at) < period.until.getTime();
    const staff = this.rules.namesStaff(partyKindOf(agency.id)) && !seen.namesWithheld;
    const named = <T>(value: T): T | undefined => (seen.namesWithheld ? undefined : value);
    const processing: ProcessedLine[] = [
      ...openedHere(seen, agency.id).map(({ exchangeId, at, by }) => ({
        exchangeId,
        at,
        what: 'opened' as const,
        ...definedOnly({ agency: named(agency.id), staff: staff ? by : undefined }),
      })),
      ...looks.map(({ exchangeId, at, worker }) => ({
        exchangeId,
        at: at.toISOString(),
        what: 'looked' as const,
        ...definedOnly({ agency: named(agency.id), staff: staff ? (worker ?? undefined) : undefined }),
      })),
      // Of others, who saw entries of the log about this client in which this agency is a party.
      ...emergencyLooks.map(({ at, agency: other, type, leafIndex }) => ({
        at,
        what: 'looked' as const,
        ...definedOnly({ agency: named(other) }),
        code: type,
        logIndex: leafIndex,
      })),
    ];
    const lines = {
      disclosures: disclosuresOf(seen).filter(within).sort(byTime),
      processing: processing.filter(within).sort(byTime),
    };
    return {
      v: 1,
      language: wish.language,
      madeAt: now.toISOString(),
      ...definedOnly({ madeBy: named(agency.id) }),
      person: wish.client.name ?? '',
      period: { from: period.shown(lines).toISOString(), until: period.until.toISOString() },
      ...(wish.reason === undefined ? {} : { reason: wish.reason }),
      ...lines,
      truncated: looks.length >= MOST_LINES || seen.disclosures.length >= MOST_LINES || seen.asked.length >= MOST_LINES,
      namesWithheld: seen.namesWithheld,
    };
  }

  /** Where the law asks for a reason, the account reaches back so far without one, and with one as far as was asked. */
  private periodOf(
    { agency }: CallingSystem,
    { from: firstDay, until: lastDay, reason }: ReportDisclosuresDto,
    now: Date,
  ): { from: Date; until: Date; shown: (lines: Pick<DisclosureReport, 'disclosures' | 'processing'>) => Date } {
    const until = startOfDay(addDays(lastDay ?? dayInHelsinki(now), 1));
    const limit = this.rules.withoutReasonFrom(partyKindOf(agency.id), now);
    const wished = firstDay === undefined ? undefined : startOfDay(firstDay);
    if (wished && wished >= until)
      throw new AppError('MALFORMED', 'The period ends before it begins.', { field: 'from' });
    if (wished && limit && wished < limit && reason === undefined) throw new AppError('REPORT_REASON_NEEDED');
    const from = wished ?? (reason === undefined ? limit : undefined) ?? new Date(0);
    // "As far as there is anything" is shown by the day of the first line.
    const shown = ({ disclosures, processing }: Pick<DisclosureReport, 'disclosures' | 'processing'>): Date => {
      if (from.getTime() > 0) return from;
      const first = [...disclosures, ...processing].map(({ at }) => at).sort()[0];
      return startOfDay(dayInHelsinki(first === undefined ? now : new Date(first)));
    };
    return { from, until, shown };
  }

  private async log(
    { agency }: CallingSystem,
    client: RefuseReportDto['client'],
    { outcome, ground, provision, by }: Pick<ReportDecision, 'outcome' | 'ground' | 'provision'> & { by: string },
  ): Promise<RecordedReport> {
    const decision: ReportDecision = {
      eventId: newEventId(),
      agency: agency.id,
      subject: subjectOf(agency, client).pseudonym,
      outcome,
      ...(ground === undefined ? {} : { ground }),
      ...(provision === undefined ? {} : { provision }),
      worker: agency.workerPseudonym(by),
      iat: numericDate(this.clock.now()),
    };
    return agency.hub.recordReport(await signStatement('report-decision', decision, agency.signingKey()));
  }
}

const copied = ({ categories, ...rest }: ReportedDisclosure) => ({ ...rest, categories: [...categories] });

const byTime = (a: { readonly at: string }, b: { readonly at: string }): number =>
  a.at < b.at ? -1 : a.at > b.at ? 1 : 0;

function disclosuresOf({ disclosures, asked, namesWithheld }: SeenClient): ReportedDisclosure[] {
  const purposes = new Map(asked.map(({ exchangeId, purpose }) => [exchangeId as string, purpose]));
  return disclosures.map(({ exchangeId, from, to, categories, basis, provision, at, openedAt, openedThere }) => ({
    exchangeId,
    at,
    opened: openedAt !== undefined || openedThere === true,
    ...(namesWithheld ? {} : definedOnly({ from, to })),
    categories,
    basis,
    ...definedOnly({ provision, purpose: purposes.get(exchangeId) }),
  }));
}

const openedHere = (
  { disclosures }: SeenClient,
  agency: string,
): { exchangeId: string; at: string; by: string | undefined }[] =>
  disclosures.flatMap(({ exchangeId, to, openedAt, openedBy }) =>
    to === agency && openedAt !== undefined ? [{ exchangeId, at: openedAt, by: openedBy }] : [],
  );

function settingOf(notice: Notice, names: AgencyNames): Parameters<typeof reportPage>[1] {
  const { person, what, from, to, basis, when, purpose, consent, law, withheld } = notice.labels;
  const setting = { notice, names, namesWithheld: false, person: '', deciders: [], officer: undefined };
  return {
    language: notice.language,
    direction: notice.direction,
    labels: { person, information: what, from, to, basis, when, purpose, consent, law, withheld },
    categoryName: (category) => notice.categories[String(category)] ?? String(category),
    purposeName: (code) => notice.purposes[code] ?? code,
    agencyName: (agency) => agencyName(setting, agency as Parameters<typeof agencyName>[1]),
  };
}

const definedOnly = <T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
