import { type Command, InvalidArgumentError, Option } from 'commander';
import { type ErasureProposal, type HoldScope, rangesOf, type IndexRange } from '#envelope';
import { type AgencyId, isPseudonym } from '#kernel';
import { type CommandOutcome, UsageError } from './domain/command-outcome.js';
import type { HubFlags, HubSettings } from './infra/hub-settings.js';

interface Looking {
  readonly agency: AgencyId;
  readonly worker?: string;
  readonly vault: string;
  readonly keyFile: string;
}

type Signing = Looking & { readonly worker: string };

interface Selecting {
  readonly subject?: string;
  readonly from?: string;
  readonly to?: string;
  readonly class?: string;
  readonly indices?: IndexRange[];
}

export interface ProgramTools {
  readonly run: <O extends HubFlags & { json?: boolean }>(
    command: Command,
    action: (context: { readonly options: O; readonly hub: HubSettings }) => Promise<CommandOutcome>,
  ) => void;
  readonly path: (value: string) => string;
  readonly agencyArgument: (value: string) => AgencyId;
  readonly wholeArgument: (value: string) => number;
}

/** Commands about what is kept, what is erased, and who looked unusually. */
export function addRetentionCommands(
  program: Command,
  { run, path, agencyArgument, wholeArgument }: ProgramTools,
): void {
  const reading = (command: Command): Command =>
    command
      .option('--gateway <url>', 'edge of the hub (GATEWAY_URL)')
      .option('--issuer <url>', 'identity service (IDENTITY_ISSUER)')
      .option('--audience <name>', 'audience of its tokens (AUDIENCE)')
      .requiredOption('--agency <id>', 'whose vault it is: A-… sees everybody’s, others their own', agencyArgument)
      .requiredOption('--vault <file>', 'encrypted key vault')
      .requiredOption('--key-file <file>', 'file that opens the vault');
  const looking = (command: Command): Command =>
    reading(command).option('--worker <pseudonym>', 'who looks, by the agency’s own pseudonym: stands in the log');
  const signed = (command: Command): Command =>
    reading(command).requiredOption('--worker <pseudonym>', 'whose act it is, by the agency’s own pseudonym');
  const auditorOf = <L extends Looking>({ agency, worker, vault, keyFile }: L) => ({
    agency,
    worker: worker as L['worker'],
    files: { vault: path(vault), keyFile: path(keyFile) },
  });
  const entries = (): Option => new Option('--indices <ranges>', 'such as 3-7,9').argParser(rangesArgument);
  const subject = (): Option =>
    new Option('--subject <pseudonym>', 'entries about one person').argParser(pseudonymArgument);

  const retention = program.command('retention').description('how long the log keeps what');
  run<HubFlags & Looking>(
    looking(retention.command('list')).description('classes with floor, ceiling and ground'),
    async ({ options, hub }) => {
      const { listRetention } = await import('./list-retention/list-retention.js');
      return listRetention(hub, auditorOf(options));
    },
  );
  run<HubFlags & Looking>(
    looking(retention.command('unconfirmed')).description(
      'classes that nobody has compared with the law, and what is open',
    ),
    async ({ options, hub }) => {
      const { listUnconfirmed } = await import('./list-retention/list-retention.js');
      return listUnconfirmed(hub, auditorOf(options));
    },
  );
  run<HubFlags & Looking>(
    looking(retention.command('due')).description('how many entries of each class are kept or due; it is logged'),
    async ({ options, hub }) => {
      const { listDue } = await import('./list-retention/list-retention.js');
      return listDue(hub, auditorOf(options));
    },
  );

  const erase = program.command('erase').description('erasure of entries, by two agencies');
  run<HubFlags & Signing & Selecting & { ground: string; acceptUnconfirmed?: string[] }>(
    signed(erase.command('propose'))
      .description('ask for an erasure, signed: by person and period, by class, or by indices')
      .requiredOption('--ground <id>', 'see retention list')
      .option(
        '--accept-unconfirmed <classes...>',
        'the agency answers for these classes, whose periods nobody has compared with the law (“(?)” in retention list)',
      )
      .addOption(subject())
      .option('--from <day>', 'with --subject: first day')
      .option('--to <day>', 'with --subject: last day')
      .option('--class <id>', 'entries of this class whose ceiling is reached')
      .addOption(entries()),
    async ({ options, hub }) => {
      const { proposeErasure } = await import('./erase-entries/erase-entries.js');
      const { ground, acceptUnconfirmed: accepts = [] } = options;
      const request = { selection: selectionOf(options), ground, accepts, signer: auditorOf(options) };
      return proposeErasure(hub, request);
    },
  );
  const approve = signed(erase.command('approve'))
    .description('agree to a proposal, signed with another agency’s key; see erase show')
    .option(
      '--accept-unconfirmed <classes...>',
      'the classes that the proposal accepts: the agency answers for them too',
    )
    .argument('<proposal>');
  run<HubFlags & Signing & { acceptUnconfirmed?: string[] }>(approve, async ({ options, hub }) => {
    const { approveErasure } = await import('./erase-entries/erase-entries.js');
    const { acceptUnconfirmed: accepts = [] } = options;
    return approveErasure(hub, { proposal: approve.processedArgs[0] as string, accepts, signer: auditorOf(options) });
  });
  const show = looking(erase.command('show'))
    .description('what a proposal selects, and which unconfirmed classes it accepts: before approving')
    .argument('<proposal>');
  run<HubFlags & Looking>(show, async ({ options, hub }) => {
    const { showErasure } = await import('./erase-entries/erase-entries.js');
    return showErasure(hub, show.processedArgs[0] as string, auditorOf(options));
  });
  run<HubFlags & Looking>(
    looking(erase.command('run')).description(
      'erase what is approved; each night. It goes on at the hub when this is stopped: the same command attaches to it again',
    ),
    async ({ options, hub }) => {
      const { runErasure } = await import('./erase-entries/run-erasure.js');
      return runErasure(hub, auditorOf(options));
    },
  );
  run<HubFlags & Looking>(
    looking(erase.command('status')).description('what was proposed, approved and erased'),
    async ({ options, hub }) => {
      const { listErasures } = await import('./erase-entries/erase-entries.js');
      return listErasures(hub, auditorOf(options));
    },
  );

  const alerts = program.command('alerts').description('unusual access: each alert has an owner and an end');
  run<HubFlags & Looking & { closed?: boolean }>(
    looking(alerts.command('list')).description('open alerts').option('--closed', 'closed ones too'),
    async ({ options, hub }) => {
      const { listAlerts } = await import('./act-on-alerts/act-on-alerts.js');
      return listAlerts(hub, auditorOf(options), options.closed === true);
    },
  );
  for (const act of ['acknowledge', 'close'] as const) {
    const command = signed(alerts.command(act))
      .description(act === 'close' ? 'end an alert; the log says why' : 'take an alert up')
      .argument('<alert>')
      .requiredOption('--reason <code>', 'such as planned-work; no personal data');
    run<HubFlags & Signing & { reason: string }>(command, async ({ options, hub }) => {
      const { actOnAlert } = await import('./act-on-alerts/act-on-alerts.js');
      const acted = { alert: command.processedArgs[0] as string, act, reason: options.reason };
      return actOnAlert(hub, acted, auditorOf(options));
    });
  }

  const glass = program
    .command('break-glass')
    .description('look, in an emergency and under an alert, into entries in which the own agency is no party');
  run<HubFlags & Signing & Selecting & { reason: string; matter: string; minutes: number; of?: AgencyId }>(
    signed(glass.command('open'))
      .description('open an agency’s or a person’s entries; the supervising authorities know at once')
      .addOption(subject())
      .option('--of <agency>', 'entries of an agency', agencyArgument)
      .requiredOption('--reason <id>', 'of the rules, such as data-breach')
      .requiredOption('--matter <reference>', 'of the matter; no personal data')
      .option('--minutes <number>', 'for so long', wholeArgument, 30),
    async ({ options, hub }) => {
      const { openBreakGlass } = await import('./break-glass/break-glass.js');
      const { reason, matter, minutes } = options;
      const scope = scopeOf(options);
      if (scope.by === 'indices') throw new UsageError('One of --subject and --of.');
      return openBreakGlass(hub, { scope, reason, matter, minutes }, auditorOf(options));
    },
  );
  const look = signed(glass.command('look')).description('entries by an access, while it lasts').argument('<access>');
  run<HubFlags & Signing & { from: number }>(
    look.option('--from <index>', 'first index', wholeArgument, 0),
    async ({ options, hub }) => {
      const { lookBreakGlass } = await import('./break-glass/break-glass.js');
      const asked = { grant: look.processedArgs[0] as string, from: options.from };
      return lookBreakGlass(hub, asked, auditorOf(options));
    },
  );
  const review = signed(glass.command('review'))
    .description('supervising authority: end an access and its alert')
    .argument('<access>')
    .addOption(new Option('--finding <finding>').choices(['justified', 'unjustified']).makeOptionMandatory());
  run<HubFlags & Signing & { finding: 'justified' | 'unjustified' }>(review, async ({ options, hub }) => {
    const { reviewBreakGlass } = await import('./break-glass/break-glass.js');
    const reviewed = { grant: review.processedArgs[0] as string, finding: options.finding };
    return reviewBreakGlass(hub, reviewed, auditorOf(options));
  });
  run<HubFlags & Looking>(
    looking(glass.command('list')).description('who opened the log in an emergency, and what became of it'),
    async ({ options, hub }) => {
      const { listBreakGlass } = await import('./break-glass/break-glass.js');
      return listBreakGlass(hub, auditorOf(options));
    },
  );

  const hold = program.command('hold').description('legal holds: what they cover is not erased');
  run<HubFlags & Signing & Selecting & { matter: string; of?: AgencyId }>(
    signed(hold.command('place'))
      .description('hold the entries of a person, of an agency, or by indices')
      .requiredOption('--matter <reference>', 'of the matter; no personal data')
      .addOption(subject())
      .option('--of <agency>', 'all entries of an agency', agencyArgument)
      .addOption(entries()),
    async ({ options, hub }) => {
      const { placeHold } = await import('./hold-entries/hold-entries.js');
      const request = { scope: scopeOf(options), matter: options.matter, signer: auditorOf(options) };
      return placeHold(hub, request);
    },
  );
  const lift = signed(hold.command('lift')).description('lift a hold').argument('<hold>');
  run<HubFlags & Signing>(lift, async ({ options, hub }) => {
    const { liftHold } = await import('./hold-entries/hold-entries.js');
    return liftHold(hub, lift.processedArgs[0] as string, auditorOf(options));
  });
  run<HubFlags & Looking>(
    looking(hold.command('list')).description('holds, also lifted ones'),
    async ({ options, hub }) => {
      const { listHolds } = await import('./hold-entries/hold-entries.js');
      return listHolds(hub, auditorOf(options));
    },
  );
}

function selectionOf({ subject, from, to, class: id, indices }: Selecting): ErasureProposal['selection'] {
  if ([subject, id, indices].filter((one) => one !== undefined).length !== 1)
    throw new UsageError('One of --subject, --class and --indices.');
  if (id !== undefined) return { by: 'ceiling', class: id };
  if (indices !== undefined) return { by: 'indices', indices };
  if (!isPseudonym(subject) || from === undefined || to === undefined)
    throw new UsageError('--subject needs --from and --to.');
  return { by: 'subject', subject, from, to };
}

function scopeOf({ subject, of, indices }: Selecting & { readonly of?: AgencyId }): HoldScope {
  if ([subject, of, indices].filter((one) => one !== undefined).length !== 1)
    throw new UsageError('One of --subject, --of and --indices.');
  if (of !== undefined) return { by: 'agency', agency: of };
  if (indices !== undefined) return { by: 'indices', indices };
  if (!isPseudonym(subject)) throw new UsageError('--subject is a pseudonym.');
  return { by: 'subject', subject };
}

function pseudonymArgument(value: string): string {
  if (!isPseudonym(value)) throw new InvalidArgumentError('A pseudonym is p, its version, a dot and 43 characters.');
  return value;
}

/** Several ranges may touch or overlap. */
function rangesArgument(value: string): IndexRange[] {
  const indices = value.split(',').flatMap((part) => {
    const [, low = '', high = low] = /^(\d{1,12})(?:-(\d{1,12}))?$/.exec(part) ?? [];
    const [first, last] = [Number(low), Number(high)];
    if (low === '' || last < first || last - first > 100_000)
      throw new InvalidArgumentError('Indices and ranges with commas between, such as 3-7,9.');
    return Array.from({ length: last - first + 1 }, (_, at) => first + at);
  });
  return rangesOf(new Set(indices));
}
