import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { Chain } from '#envelope';
import {
  type AgencyId,
  AppError,
  isAgencyId,
  isExchangeId,
  isPseudonym,
  isThumbprint,
  problemOf,
  systemClock,
} from '#kernel';
import type { WitnessPolicy } from '#merkle';
import { type CommandOutcome, UsageError } from './domain/command-outcome.js';
import { type ConsumingService, consumingServices, parseRecordName } from './domain/set-aside.js';
import type { EvidenceLanguage } from './domain/evidence-bundle.js';
import { type HubFlags, HubSettings } from './infra/hub-settings.js';
import type { OpenedLog } from './infra/open-log.js';
import { addRetentionCommands } from './retention-program.js';

export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const;

/** What a command has of the outside world. */
export interface Surroundings {
  readonly env: NodeJS.ProcessEnv;
  /** Folder against which paths of the command line are taken. */
  readonly folder: string;
  readonly out: (line: string) => void;
  readonly err: (line: string) => void;
}

interface VaultOptions {
  readonly vault: string;
  readonly keyFile: string;
}

interface SearchFlags {
  readonly agency: AgencyId;
  readonly most: number;
  readonly prove?: boolean;
  readonly askedBy?: string;
  readonly party?: AgencyId;
  readonly worker?: string;
  readonly subject?: string;
  readonly category?: number;
  readonly basis?: string;
  readonly type?: string;
  readonly code?: string;
  readonly from?: string;
  readonly until?: string;
  readonly exchange?: string;
  readonly message?: string;
}

/** By the names that the gateway gives them. */
function filterOf(flags: SearchFlags): Record<string, string> {
  const { askedBy, worker, subject, category, basis, type, code } = flags;
  const words = {
    askedBy,
    agency: flags.party,
    worker,
    subject,
    category,
    basis,
    type,
    code,
    loggedFrom: flags.from,
    loggedUntil: flags.until,
    exchangeId: flags.exchange,
    messageId: flags.message,
  };
  return Object.fromEntries(
    Object.entries(words).flatMap(([name, word]) => (word === undefined ? [] : [[name, String(word)]])),
  );
}

interface LogFlags extends HubFlags {
  readonly log?: string;
}

interface PolicyFlags {
  readonly policy?: string;
}

interface EvidenceFlags extends LogFlags, VaultOptions, PolicyFlags {
  readonly agency: AgencyId;
  readonly out: string;
  readonly receipt?: string[];
  readonly language: EvidenceLanguage;
  readonly json?: boolean;
}

interface EntriesFlags extends LogFlags, VaultOptions, PolicyFlags {
  readonly agency: AgencyId;
  readonly of?: Chain;
  readonly from: string;
  readonly until: string;
  readonly format: 'jsonl' | 'csv';
}

interface ReportFlags extends HubFlags, VaultOptions {
  readonly agency: AgencyId;
  readonly out: string;
  readonly from?: string;
  readonly until?: string;
  readonly reason?: string;
  readonly withholdNames?: boolean;
  readonly language: EvidenceLanguage;
  readonly json?: boolean;
}

type Action<O> = (context: { readonly options: O; readonly hub: HubSettings }) => Promise<CommandOutcome>;

/**
 * Runs one command line. What a command needs is loaded only then: an auditor's `verify` loads neither network nor
 * frameworks.
 *
 * @param args without interpreter and script
 * @returns exit code: 0, 1 for a failed check or call, 2 for a command line that cannot be understood
 */
export async function runCli(args: readonly string[], surroundings: Surroundings): Promise<number> {
  const { env, folder, out } = surroundings;
  const path = (value: string): string => resolve(folder, value);
  let exitCode: number = exitCodes.ok;

  const program = new Command('kotovayla')
    .description('Kotoväylä: commands for operators and auditors')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => out(text.trimEnd()),
      writeErr: (text) => surroundings.err(text.trimEnd()),
    });

  /** Prints what the action finds and sets the exit code. */
  const run = <O extends HubFlags & { json?: boolean }>(command: Command, action: Action<O>): void => {
    command.option('--json', 'print the result as JSON').action(async () => {
      const options = command.opts<O>();
      const outcome = await outcomeOf(() => action({ options, hub: new HubSettings(options, env) }));
      if (options.json) out(JSON.stringify({ ok: outcome.ok, ...outcome.data }, undefined, 2));
      else for (const line of outcome.lines) out(line);
      if (!outcome.ok) exitCode = exitCodes.failed;
    });
  };

  const policyIn = async (file: string | undefined): Promise<{ policy?: WitnessPolicy }> => {
    if (file === undefined) return {};
    const { readPolicyFile } = await import('./infra/policy-file.js');
    return { policy: await readPolicyFile(path(file)) };
  };

  const withLog = async <T>(
    where: string | undefined,
    hub: HubSettings,
    use: (log: OpenedLog) => Promise<T>,
  ): Promise<T> => {
    const { openLog } = await import('./infra/open-log.js');
    const opened = await openLog(where, { hub, env, folder });
    return use(opened).finally(() => opened.close());
  };

  const agency = program.command('agency').description('operator: agencies of the directory');
  const directory = (command: Command): Command =>
    command.option('--directory <host:port>', 'gRPC address of the directory (KOTOVAYLA_DIRECTORY)');

  run<HubFlags & { agency: AgencyId; businessId: string; thumbprint: string }>(
    directory(agency.command('add'))
      .description(
        'register an agency with the thumbprint of its first signing key, compared by another way than this network',
      )
      .requiredOption('--agency <id>', 'such as K-235', agencyArgument)
      .requiredOption('--business-id <id>', 'Y-tunnus')
      .requiredOption('--thumbprint <thumbprint>', 'RFC 7638 thumbprint of the first signing key', thumbprintArgument)
      .option('--name-fi <name>', 'needed for an agency outside the reference data')
      .option('--name-sv <name>')
      .option('--mailbox <address>', 'functional mailbox')
      .option('--deputy <name>')
      .option('--telephone <number>')
      .option('--last-confirmed <date>', 'day on which the contact was confirmed'),
    async ({ options, hub }) => {
      const { addAgency } = await import('./add-agency/add-agency.js');
      return addAgency(await hub.get('directory'), options);
    },
  );
  run(directory(agency.command('list')).description('agencies with their states'), async ({ hub }) => {
    const { listAgencies } = await import('./list-agencies/list-agencies.js');
    return listAgencies(await hub.get('directory'));
  });
  const keys = directory(agency.command('keys'))
    .description('logged keys of an agency')
    .argument('<agency>', 'such as K-235', agencyArgument);
  run(keys, async ({ hub }) => {
    const { showAgencyKeys } = await import('./show-agency-keys/show-agency-keys.js');
    return showAgencyKeys(await hub.get('directory'), firstArgument(keys), systemClock.now());
  });

  const parked = program.command('parked').description('operator: messages that could not be processed');
  const exchange = (command: Command): Command =>
    command.option('--exchange <host:port>', 'gRPC address of exchange (KOTOVAYLA_EXCHANGE)');
  run(exchange(parked.command('list')).description('list them'), async ({ hub }) => {
    const { listParked } = await import('./list-parked/list-parked.js');
    return listParked(await hub.get('exchange'));
  });
  const retry = exchange(parked.command('retry')).description('try one again').argument('<id>');
  run(retry, async ({ hub }) => {
    const { retryParked } = await import('./retry-parked/retry-parked.js');
    return retryParked(await hub.get('exchange'), firstArgument(retry));
  });
  const discard = exchange(parked.command('discard')).description('give one up; the log says why').argument('<id>');
  run<HubFlags & { reason: string }>(
    discard.requiredOption('--reason <text>', 'stands in the log; no personal data'),
    async ({ options, hub }) => {
      const { discardParked } = await import('./discard-parked/discard-parked.js');
      return discardParked(await hub.get('exchange'), firstArgument(discard), options.reason);
    },
  );

  const setAside = program.command('set-aside').description('operator: records of Kafka that a service could not use');
  const consuming = (command: Command): Command =>
    exchange(directory(command))
      .option('--consent <host:port>', 'gRPC address of consent (KOTOVAYLA_CONSENT)')
      .option('--audit <host:port>', 'gRPC address of audit (KOTOVAYLA_AUDIT)');
  run<HubFlags & { service: ConsumingService[]; taken?: boolean }>(
    consuming(setAside.command('list'))
      .description('where each came from and why it is set aside, never what it says')
      .addOption(new Option('--service <names...>').choices(consumingServices).default([...consumingServices]))
      .option('--taken', 'also those that have ended, by a retry or a discard'),
    async ({ options, hub }) => {
      const { listSetAside } = await import('./list-set-aside/list-set-aside.js');
      const addresses = options.service.map(async (name) => [name, await hub.get(name)] as const);
      return listSetAside(new Map(await Promise.all(addresses)), options.taken === true);
    },
  );
  const retrySome = consuming(setAside.command('retry'))
    .description('try some again once the cause is mended; harmless to repeat')
    .argument('<records...>', 'such as exchange/quarantine/12');
  run(retrySome, async ({ hub }) => {
    const { retrySetAside } = await import('./retry-set-aside/retry-set-aside.js');
    const [names] = retrySome.processedArgs as [string[]];
    return retrySetAside(names.map(parseRecordName), (service) => hub.get(service));
  });

  const discardOne = consuming(setAside.command('discard'))
    .description('end one without its effect; who and why stand in the log')
    .argument('<record>', 'such as exchange/quarantine/12')
    .requiredOption('--hash <sha256>', 'of the record, as listed')
    .requiredOption('--operator <name>', 'who ends it')
    .requiredOption('--reason <text>', 'no personal data');
  run<HubFlags & { hash: string; operator: string; reason: string }>(discardOne, async ({ options, hub }) => {
    const { discardSetAside } = await import('./discard-set-aside/discard-set-aside.js');
    const record = parseRecordName(firstArgument(discardOne));
    const { hash, operator, reason } = options;
    return discardSetAside(record, { hash, operator, reason }, await hub.get(record.service));
  });

  const auditor = program.command('auditor').description('keys of auditors, which no agent holds');
  const vault = (command: Command): Command =>
    command
      .requiredOption('--agency <id>', 'whose auditor it is, such as K-235 or A-TSV', agencyArgument)
      .requiredOption('--vault <file>', 'encrypted key vault')
      .requiredOption('--key-file <file>', 'file that opens the vault');
  const filesOf = ({ vault: file, keyFile }: VaultOptions) => ({ vault: path(file), keyFile: path(keyFile) });
  run<HubFlags & VaultOptions & { agency: AgencyId }>(
    vault(auditor.command('keys')).description('make the keys that are missing and show their thumbprints'),
    async ({ options }) => {
      const { makeAuditorKeys } = await import('./make-auditor-keys/make-auditor-keys.js');
      return makeAuditorKeys(options.agency, filesOf(options), systemClock);
    },
  );
  run<HubFlags & VaultOptions & { agency: AgencyId; wait: number }>(
    vault(auditor.command('publish'))
      .description('supervising authority: publish the key records and wait until the log shows them')
      .option('--gateway <url>', 'edge of the hub (GATEWAY_URL)')
      .option('--wait <seconds>', '0 to return at once', secondsArgument, 30),
    async ({ options, hub }) => {
      const { publishAuditorKeys } = await import('./publish-auditor-keys/publish-auditor-keys.js');
      const { PublicHub } = await import('./infra/public-hub.js');
      return publishAuditorKeys(options.agency, {
        files: filesOf(options),
        hub: new PublicHub(await hub.get('gateway')),
        waitSeconds: options.wait,
      });
    },
  );

  const appointing = (command: Command): Command =>
    vault(command).option('--gateway <url>', 'edge of the hub (GATEWAY_URL)');
  const appoint = appointing(auditor.command('appoint'))
    .description('an agency, with its own vault: vouch for the keys that its auditor made')
    .argument('<file>', 'what `auditor keys --json` printed');
  run<HubFlags & VaultOptions & { agency: AgencyId }>(appoint, async ({ options, hub }) => {
    const { appointAuditor } = await import('./appoint-auditor/appoint-auditor.js');
    const made = await readFile(path(firstArgument(appoint)), 'utf8').catch(() => {
      throw new UsageError('There is no such file.');
    });
    return appointAuditor(made, await appointedBy(options, hub));
  });
  const dismiss = appointing(auditor.command('dismiss'))
    .description('an agency, with its own vault: revoke its auditor’s keys')
    .argument('<thumbprints...>');
  run<HubFlags & VaultOptions & { agency: AgencyId }>(dismiss, async ({ options, hub }) => {
    const { dismissAuditor } = await import('./appoint-auditor/appoint-auditor.js');
    return dismissAuditor(dismiss.processedArgs[0] as string[], await appointedBy(options, hub));
  });
  const appointedBy = async (options: VaultOptions & { agency: AgencyId }, hub: HubSettings) => {
    const { PublicHub } = await import('./infra/public-hub.js');
    const gateway = new PublicHub(await hub.get('gateway'));
    return { agency: options.agency, files: filesOf(options), hub: gateway, clock: systemClock };
  };

  const log = program.command('log').description('everybody: the audit log');
  const exported = log
    .command('export')
    .description('copy the log into a folder (C2SP tlog-tiles); with an agency’s vault also the bodies it may see')
    .argument('<folder>')
    .addOption(logOption())
    .option('--gateway <url>', 'edge of the hub (GATEWAY_URL)')
    .option('--verifier-key <key>', 'the log’s key, known beforehand (LOG_VERIFIER_KEY)')
    .option('--issuer <url>', 'identity service, for bodies (IDENTITY_ISSUER)')
    .option('--audience <name>', 'audience of its tokens, for bodies (AUDIENCE)')
    .option('--agency <id>', 'whose vault it is; A-… sees all bodies, others their own', agencyArgument)
    .option('--vault <file>')
    .option('--key-file <file>');
  run<LogFlags & Partial<VaultOptions> & { agency?: AgencyId; json?: boolean }>(exported, async ({ options, hub }) => {
    const { runExport } = await import('./export-log/run-export.js');
    const { agency: owner, vault: file, keyFile, json, log: where } = options;
    const given = [owner, file, keyFile].filter((value) => value !== undefined).length;
    if (given !== 0 && given !== 3) throw new UsageError('--agency, --vault and --key-file belong together.');
    const request = { target: path(firstArgument(exported)), hub, quiet: json === true };
    if (owner && file && keyFile) {
      if (where !== undefined) throw new UsageError('--log reads no bodies: it goes without --agency.');
      return runExport({ ...request, reader: { agency: owner, files: { vault: path(file), keyFile: path(keyFile) } } });
    }
    return withLog(where, hub, (opened) => runExport({ ...request, log: opened }));
  });

  const entries = log
    .command('entries')
    .description(
      'export the entries of an agency or a client for a period, provably all of them; goes on where it was killed',
    )
    .argument('<folder>')
    .addOption(logOption())
    .option('--gateway <url>', 'edge of the hub (GATEWAY_URL)')
    .option('--verifier-key <key>', 'the log’s key, known beforehand (LOG_VERIFIER_KEY)')
    .option('--issuer <url>', 'identity service (IDENTITY_ISSUER)')
    .option('--audience <name>', 'audience of its tokens (AUDIENCE)')
    .requiredOption('--agency <id>', 'whose vault it is', agencyArgument)
    .requiredOption('--vault <file>')
    .requiredOption('--key-file <file>')
    .requiredOption('--from <day>', 'first day, YYYY-MM-DD')
    .requiredOption('--until <day>', 'last day')
    .option(
      '--of <chain>',
      'whose entries: an agency’s id or a client’s pseudonym; by default the own agency’s',
      chainArgument,
    )
    .addOption(
      new Option('--format <format>', 'lines of JSON, or a table beside them')
        .choices(['jsonl', 'csv'])
        .default('jsonl'),
    )
    .addOption(policyOption('wait for a checkpoint that it counts as witnessed'));
  run<EntriesFlags>(entries, async ({ options, hub }) => {
    const { runExportEntries } = await import('./export-entries/run-export-entries.js');
    const { policy } = await policyIn(options.policy);
    return withLog(options.log, hub, (opened) =>
      runExportEntries({
        folder: path(firstArgument(entries)),
        reader: { agency: options.agency, files: filesOf(options) },
        hub,
        log: opened,
        ...(options.of !== undefined && { of: options.of }),
        from: options.from,
        until: options.until,
        table: options.format === 'csv',
        policy,
        clock: systemClock,
      }),
    );
  });

  run<HubFlags & VaultOptions & { agency: AgencyId; worker?: string }>(
    log
      .command('reconcile')
      .description('whether every event of the hub’s services has its leaf and every leaf its event')
      .option('--gateway <url>', 'edge of the hub (GATEWAY_URL)')
      .option('--issuer <url>', 'identity service (IDENTITY_ISSUER)')
      .option('--audience <name>', 'audience of its tokens (AUDIENCE)')
      .requiredOption('--agency <id>', 'whose vault it is; A-… sees which differences there are', agencyArgument)
      .requiredOption('--vault <file>')
      .requiredOption('--key-file <file>')
      .option('--worker <pseudonym>', 'who looks, by the agency’s own pseudonym: stands in the log'),
    async ({ options, hub }) => {
      const { showReconciliation } = await import('./show-reconciliation/show-reconciliation.js');
      const { agency: owner, worker } = options;
      const auditor = { agency: owner, files: filesOf(options), ...(worker !== undefined && { worker }) };
      return showReconciliation(hub, auditor);
    },
  );

  const readsLog = (command: Command): Command =>
    command
      .addOption(logOption())
      .option('--gateway <url>', 'edge of the hub (GATEWAY_URL)')
      .option('--verifier-key <key>', 'the log’s key, known beforehand (LOG_VERIFIER_KEY)');
  const logKey = readsLog(log.command('key')).description(
    'the log’s verifier key as it is pinned here, and all keys to which it leads, with times and sizes',
  );
  run<LogFlags>(logKey, async ({ options, hub }) => {
    const { showLogKey } = await import('./show-log-key/show-log-key.js');
    return withLog(options.log, hub, async (opened) => showLogKey(opened));
  });
  const proof = readsLog(log.command('proof'))
    .description('write the proof file of an entry (C2SP tlog-proof)')
    .argument('<index>', 'of the entry', wholeArgument)
    .option('--out <file>', 'default: <index>.tlog-proof, or <index>.cose')
    .addOption(policyOption('wait for a checkpoint that it counts as witnessed'))
    .option('--cose', 'a COSE receipt (RFC 9942) instead, signed by the hub’s receipt key');
  run<LogFlags & PolicyFlags & { out?: string; cose?: boolean }>(proof, async ({ options, hub }) => {
    const index = proof.processedArgs[0] as number;
    if (options.cose === true) {
      if (options.policy !== undefined)
        throw new UsageError('A receipt carries no cosignatures: judge it by verify-receipt --policy.');
      const { proveEntryByReceipt } = await import('./prove-entry/cose-receipt.js');
      const asked = { index, gateway: await hub.get('gateway'), target: path(options.out ?? `${index}.cose`) };
      return withLog(options.log, hub, (opened) => proveEntryByReceipt(opened, asked));
    }
    const { proveEntry } = await import('./prove-entry/prove-entry.js');
    const request = { index, target: path(options.out ?? `${index}.tlog-proof`), ...(await policyIn(options.policy)) };
    return withLog(options.log, hub, (opened) => proveEntry(opened, request));
  });
  const consistency = readsLog(log.command('consistency'))
    .description('prove that the log of one size is the beginning of the log of another')
    .argument('<first>', 'size', wholeArgument)
    .argument('<second>', 'size', wholeArgument);
  run<LogFlags>(consistency, async ({ options, hub }) => {
    const { proveGrowth } = await import('./prove-growth/prove-growth.js');
    const [first, second] = consistency.processedArgs as [number, number];
    return withLog(options.log, hub, (opened) => proveGrowth(opened, first, second));
  });

  const search = program
    .command('search')
    .description('look for log entries; each look is itself logged. --prove shows that nothing was left out')
    .requiredOption('--agency <id>', 'who asks, with its vault: A-… sees all entries, others their own', agencyArgument)
    .requiredOption('--vault <file>')
    .requiredOption('--key-file <file>')
    .option('--gateway <url>', 'edge of the hub (GATEWAY_URL)')
    .option('--issuer <url>', 'identity service (IDENTITY_ISSUER)')
    .option('--audience <name>', 'audience of its tokens (AUDIENCE)')
    .option('--verifier-key <key>', 'for --prove: the log’s key, known beforehand (LOG_VERIFIER_KEY)')
    .option('--asked-by <worker>', 'who asks, by the agency’s pseudonym')
    .option('--party <id>', 'a party of the entry', agencyArgument)
    .option('--worker <pseudonym>', 'who acted')
    .option('--subject <pseudonym>')
    .option('--category <number>', 'information category', wholeArgument)
    .option('--basis <provision>', 'such as 681/2023-87, or consent')
    .option('--type <type>', 'such as message-released')
    .option('--code <code>', 'of a refusal')
    .option('--from <instant>', 'logged from then on')
    .option('--until <instant>', 'logged before then')
    .option('--exchange <id>')
    .option('--message <id>')
    .option('--most <number>', 'entries at most', wholeArgument, 500)
    .option('--prove', 'fetch all and prove that nothing was left out: for all entries of one agency or one subject');
  run<HubFlags & VaultOptions & SearchFlags>(search, async ({ options, hub }) => {
    const { searchEntries } = await import('./search-entries/search-entries.js');
    const { openSession } = await import('./infra/open-session.js');
    const session = await openSession({ agency: options.agency, files: filesOf(options) }, hub);
    const request = { filter: filterOf(options), most: options.most, asker: options.agency };
    return options.prove
      ? withLog(undefined, hub, (opened) => searchEntries(session, { ...request, log: opened }))
      : searchEntries(session, request);
  });

  const verify = program
    .command('verify')
    .description(
      'prove an exported log, an evidence bundle or a proof file, offline: signature, tree, bodies, signed statements',
    )
    .argument('<path>', 'folder of an export, file of a bundle, or proof file')
    .option('--receipt <file...>', 'opened receipts to prove against it')
    .option('--some-bodies', 'the export holds one agency’s bodies only')
    .option('--entry <file>', 'of a proof file: the entry as the tree hashes it')
    .option('--leaf-hash <base64>', 'of a proof file: its leaf hash')
    .addOption(new Option('--verifier-key <key>', 'the log’s key, known beforehand; else log.vkey of the folder'))
    .addOption(policyOption('who must have cosigned the checkpoint'))
    .option('--log-keys <file>', 'of a proof file: the log’s log-keys.json, where its key is not the known one');
  interface VerifyFlags extends HubFlags, PolicyFlags {
    readonly receipt?: string[];
    readonly someBodies?: boolean;
    readonly entry?: string;
    readonly leafHash?: string;
    readonly logKeys?: string;
    readonly json?: boolean;
  }
  run<VerifyFlags>(verify, async ({ options }) => {
    const { fileAt } = await import('./infra/file-at.js');
    const { verifierKey } = options;
    const known = { verifierKey, ...(await policyIn(options.policy)) };
    const file = await fileAt(path(firstArgument(verify)));
    const { isProofFile, runVerifyProof } = await import('./verify-proof/verify-proof.js');
    if (file !== undefined && isProofFile(file)) {
      const { leafHash } = options;
      const entry = options.entry === undefined ? undefined : await fileAt(path(options.entry));
      const links = options.logKeys === undefined ? undefined : await fileAt(path(options.logKeys));
      return runVerifyProof(file, { ...known, entry, leafHash, links });
    }
    if (file !== undefined) {
      const { runVerifyEvidence } = await import('./verify-evidence/run-verify-evidence.js');
      return runVerifyEvidence(file, known);
    }
    if (await fileAt(join(path(firstArgument(verify)), 'export.json'))) {
      const { runVerifyEntries } = await import('./verify-entries/run-verify-entries.js');
      return runVerifyEntries(path(firstArgument(verify)), known);
    }
    const { runVerification } = await import('./verify-log/run-verification.js');
    return runVerification({
      folder: path(firstArgument(verify)),
      receipts: (options.receipt ?? []).map(path),
      someBodies: options.someBodies === true,
      quiet: options.json === true,
      ...known,
    });
  });

  const evidence = readsLog(program.command('evidence'))
    .description('put together everything that proves one transfer, in one file that verifies offline')
    .argument('<exchange>', 'id of the exchange')
    .requiredOption('--out <file>')
    .requiredOption('--agency <id>', 'whose vault it is; A-… sees all transfers, others their own', agencyArgument)
    .requiredOption('--vault <file>')
    .requiredOption('--key-file <file>')
    .option('--issuer <url>', 'identity service (IDENTITY_ISSUER)')
    .option('--audience <name>', 'audience of its tokens (AUDIENCE)')
    .option('--receipt <file...>', 'opened receipts to put in, proved against the log')
    .addOption(policyOption('wait for a checkpoint that it counts as witnessed'))
    .addOption(new Option('--language <language>', 'of the page for people').choices(['fi', 'sv', 'en']).default('fi'));
  run<EvidenceFlags>(evidence, async ({ options, hub }) => {
    const { runEvidence } = await import('./make-evidence/run-evidence.js');
    const exchangeId = firstArgument(evidence);
    if (!isExchangeId(exchangeId)) throw new UsageError('An exchange id is a UUID.');
    const { policy } = await policyIn(options.policy);
    return withLog(options.log, hub, (opened) =>
      runEvidence({
        exchangeId,
        target: path(options.out),
        reader: { agency: options.agency, files: filesOf(options) },
        hub,
        log: opened,
        language: options.language,
        receipts: (options.receipt ?? []).map(path),
        policy,
        clock: systemClock,
        quiet: options.json === true,
      }),
    );
  });

  const report = program
    .command('report')
    .description('a client’s account from the log: who processed, to whom it was disclosed, on what basis, when')
    .argument('<subject>', 'the client’s pseudonym')
    .requiredOption('--out <file>', 'PDF; the same as JSON is written beside it')
    .requiredOption('--agency <id>', 'whose vault it is; A-… sees all entries, others their own', agencyArgument)
    .requiredOption('--vault <file>')
    .requiredOption('--key-file <file>')
    .option('--gateway <url>', 'edge of the hub (GATEWAY_URL)')
    .option('--issuer <url>', 'identity service (IDENTITY_ISSUER)')
    .option('--audience <name>', 'audience of its tokens (AUDIENCE)')
    .option('--from <day>', 'YYYY-MM-DD; without it from the first entry on')
    .option('--until <day>', 'the last day; without it today')
    .option('--verifier-key <key>', 'the log’s key, known beforehand (LOG_VERIFIER_KEY)')
    .option('--reason <text>', 'why a county’s log is told further back than two years; stands in the account')
    .option('--withhold-names', 'for another reader than the client, such as a custodian: without agencies’ names')
    .addOption(new Option('--language <language>').choices(['fi', 'sv', 'en']).default('fi'));
  run<ReportFlags>(report, async ({ options, hub }) => {
    const { runReport } = await import('./make-report/run-report.js');
    const { openSession } = await import('./infra/open-session.js');
    const { PublicHub } = await import('./infra/public-hub.js');
    const subject = firstArgument(report);
    if (!isPseudonym(subject)) throw new UsageError('A pseudonym is p, a number, a point and 43 characters.');
    const { from, until, language, reason, out: target } = options;
    const request = {
      subject,
      target: path(target),
      session: await openSession({ agency: options.agency, files: filesOf(options) }, hub),
      madeBy: options.agency,
      names: new PublicHub(await hub.get('gateway')),
      language,
      ...(from !== undefined && { from }),
      ...(until !== undefined && { until }),
      ...(reason !== undefined && { reason }),
      withholdNames: options.withholdNames === true,
      clock: systemClock,
    };
    return withLog(undefined, hub, (opened) => runReport({ ...request, log: opened }));
  });

  const reconciliation = readsLog(
    program
      .command('reconcile')
      .description('compare what two agencies say went between them: views of their agents, or their own exports')
      .argument('<first>', 'file of a view (GET /v1/disclosures/view/OTHER at an agent), or folder of an export')
      .argument('<second>', 'the other side’s')
      .option('--between <agencies...>', 'of exports: the two agencies, in that order'),
  );
  run<LogFlags & { between?: string[] }>(reconciliation, async ({ options, hub }) => {
    const { runReconciliation } = await import('./reconcile-agencies/run-reconciliation.js');
    const [first, second] = (reconciliation.processedArgs as [string, string]).map(path) as [string, string];
    const between = options.between?.map(agencyArgument);
    if (between && between.length !== 2) throw new UsageError('--between names two agencies.');
    const asked = { first, second, ...(between && { between: between as [AgencyId, AgencyId] }) };
    if (options.log === undefined) return runReconciliation(asked);
    const { keysInLog } = await import('./infra/keys-in-log.js');
    return withLog(options.log, hub, async (opened) => {
      const known = { verifierKey: opened.verifierKey, agencies: await keysInLog(opened) };
      return runReconciliation({ ...asked, known });
    });
  });

  const receipt = readsLog(
    program
      .command('verify-receipt')
      .description('prove a COSE receipt (RFC 9942) against a log; offline with an exported folder')
      .argument('<file>'),
  ).addOption(policyOption('who must have cosigned the log over the receipt’s tree'));
  run<LogFlags & PolicyFlags>(receipt, async ({ options, hub }) => {
    const { verifyKeptReceipt } = await import('./prove-entry/cose-receipt.js');
    const { policy } = await policyIn(options.policy);
    return withLog(options.log, hub, (opened) => verifyKeptReceipt(opened, path(firstArgument(receipt)), policy));
  });

  const consent = program
    .command('verify-consent')
    .description('prove an exported consent, offline: as its collector signed it, in JWS or JSON-LD')
    .argument('<file>')
    .requiredOption('--key <file>', 'public JWK of the collecting agency’s signing key, as the log shows it');
  run<HubFlags & { key: string; json?: boolean }>(consent, async ({ options }) => {
    const { verifyConsent } = await import('./verify-consent/verify-consent.js');
    return verifyConsent(path(firstArgument(consent)), path(options.key));
  });

  const fsck = readsLog(
    program
      .command('fsck')
      .description('recompute a log wherever it lies and name each fault')
      .argument('[where]', 'folder, http(s) or postgres URL, or `database` (DATABASE_URL); default: the gateway’s'),
  )
    .addOption(policyOption('who must have cosigned the log'))
    .option('--kek <file...>', 'key-encryption keys: open the sealed bodies of a database')
    .option('--earlier <path...>', 'kept checkpoints, proof files and exports from which the log must have grown')
    .option('--some-bodies', 'the export holds one agency’s bodies only');
  run<LogFlags & PolicyFlags & { earlier?: string[]; someBodies?: boolean; kek?: string[]; json?: boolean }>(
    fsck,
    async ({ options, hub }) => {
      const { runFsck } = await import('./fsck/fsck.js');
      const policy = await policyIn(options.policy);
      const where = (fsck.processedArgs[0] as string | undefined) ?? options.log;
      return withLog(where, hub, (opened) =>
        runFsck(opened, {
          earlier: (options.earlier ?? []).map(path),
          someBodies: options.someBodies === true,
          keks: (options.kek ?? []).map(path),
          ...policy,
          quiet: options.json === true,
        }),
      );
    },
  );

  addRetentionCommands(program, { run, path, agencyArgument, wholeArgument });

  try {
    await program.parseAsync(withOperandsLast(args), { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
    if (!(error instanceof UsageError)) throw error;
    surroundings.err(`error: ${error.message}`);
    return exitCodes.usage;
  }
  return exitCode;
}

/** A hash as base64url may begin with a hyphen, and no option is as long as it. */
const hashLikeOption = /^-[A-Za-z0-9_-]{42}$/;

function withOperandsLast(args: readonly string[]): string[] {
  const isOperand = (arg: string, at: number): boolean =>
    hashLikeOption.test(arg) && args[at - 1]?.startsWith('-') !== true;
  const operands = args.filter(isOperand);
  return operands.length === 0 ? [...args] : [...args.filter((arg, at) => !isOperand(arg, at)), '--', ...operands];
}

/** An expected failure is a result too: its code and what can be done. */
async function outcomeOf(action: () => Promise<CommandOutcome>): Promise<CommandOutcome> {
  try {
    return await action();
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { ok: false, data: { problem: problemOf(error) }, lines: [`${error.code}: ${error.detail}`] };
  }
}

const logOption = (): Option =>
  new Option('--log <where>', 'folder, http(s) or postgres URL, or `database` (DATABASE_URL); default: the gateway’s');

const policyOption = (what: string): Option => new Option('--policy <file>', `${what} (C2SP tlog-policy)`);

const firstArgument = (command: Command): string => command.processedArgs[0] as string;

function agencyArgument(value: string): AgencyId {
  if (!isAgencyId(value)) throw new InvalidArgumentError('An agency id is a kind and a code, such as K-235.');
  return value;
}

function chainArgument(value: string): Chain {
  if (isAgencyId(value) || isPseudonym(value)) return value;
  throw new InvalidArgumentError('Entries are those of an agency or of a client’s pseudonym.');
}

function thumbprintArgument(value: string): string {
  if (!isThumbprint(value)) throw new InvalidArgumentError('A thumbprint has 43 characters of base64url.');
  return value;
}

function wholeArgument(value: string): number {
  if (!/^\d{1,16}$/.test(value) || !Number.isSafeInteger(Number(value)))
    throw new InvalidArgumentError('A whole number.');
  return Number(value);
}

function secondsArgument(value: string): number {
  if (!/^\d{1,4}$/.test(value)) throw new InvalidArgumentError('Whole seconds.');
  return Number(value);
}
