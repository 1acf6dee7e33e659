import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import { type AgencyId, AppError, agencyIdPattern } from '#kernel';
import { plainToInstance, Type } from 'class-transformer';
import {
  ArrayMinSize,
  ArrayUnique,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsObject,
  IsOptional,
  IsString,
  IsUrl,
  Matches,
  Max,
  MaxLength,
  Min,
  ValidateNested,
  type ValidationError,
  validateSync,
} from 'class-validator';

/** Where the agency's private keys lie. Exactly one of the two opens it. */
export class VaultSettings {
  @IsString()
  path: string;

  /** File whose bytes open the vault. */
  @IsOptional()
  @IsString()
  keyFile?: string;

  /** File that holds the passphrase. Never the passphrase itself, never an environment variable. */
  @IsOptional()
  @IsString()
  passphraseFile?: string;
}

/** A system of the agency that may call the agent. */
export class SystemSettings {
  @Matches(/^[A-Za-z0-9._-]{1,64}$/)
  name: string;

  /** SHA-256 in base64url of the system's key of 256 random bits. */
  @Matches(/^[A-Za-z0-9_-]{43}$/)
  keyHash: string;
}

/** Which rows answer a category, and how a row becomes its fields. */
export class CategoryQuery {
  /** One statement with `$1` …; it runs in a session that may only read. */
  @IsString()
  @MaxLength(8192)
  text: string;

  /** What stands for `$1` …: identifier, identifierType, periodFrom, periodTo. */
  @IsArray()
  @IsIn(['identifier', 'identifierType', 'periodFrom', 'periodTo'], { each: true })
  parameters: ('identifier' | 'identifierType' | 'periodFrom' | 'periodTo')[] = ['identifier'];

  /** Field of the category → column. Without it, columns are named as the fields are. */
  @IsOptional()
  @IsObject()
  fields?: Record<string, string>;

  /** Collects all rows into this array field; without it the first row is the content. */
  @IsOptional()
  @IsString()
  into?: string;
}

/** How drafts for some categories are filled. The categories that no adapter names are answered by hand. */
export class AdapterSettings {
  @IsIn(['sql', 'webhook', 'manual'])
  kind: 'sql' | 'webhook' | 'manual';

  @IsArray()
  @ArrayMinSize(1)
  @ArrayUnique()
  @IsInt({ each: true })
  categories: number[];

  /** A draft may leave without a person, unless the catalogue says that a person decides the category. */
  @IsBoolean()
  autoSend = false;

  /**
   * What the register's silence means. `told`: the basis of these categories covers saying that there is no record.
   * `not-disclosed`: it does not, so that an unknown person is refused as a known one would be.
   */
  @IsIn(['told', 'not-disclosed'])
  noRecord: 'told' | 'not-disclosed' = 'told';

  /** Register that answers, told to the asker. */
  @IsOptional()
  @IsString()
  @MaxLength(120)
  source?: string;

  /** sql: file with the connection string of a role that may only read. */
  @IsOptional()
  @IsString()
  databaseUrlFile?: string;

  /** sql: by category number. */
  @IsOptional()
  @IsObject()
  queries?: Record<string, CategoryQuery>;

  /** webhook: where the agency's system listens. */
  @IsOptional()
  @IsUrl({ require_tld: false, require_protocol: true, protocols: ['http', 'https'] })
  url?: string;

  /** webhook: file with the secret under which calls are signed. */
  @IsOptional()
  @IsString()
  secretFile?: string;
}

/**
 * When refusals leave that must not show whether somebody is a client: at the next full `everySeconds` of the clock, and
 * not before `afterSeconds` since the request was opened. Refusals by hand for the same reasons wait for the same moment.
 */
export class RefusalWindow {
  @IsInt()
  @Min(0)
  @Max(7 * 86_400)
  afterSeconds = 3_600;

  @IsInt()
  @Min(1)
  @Max(86_400)
  everySeconds = 1_800;
}

/** The agency's own system that is called when the hub tells of an alert. */
export class AlertCallSettings {
  @IsUrl({ require_tld: false, require_protocol: true, protocols: ['http', 'https'] })
  url: string;

  /** File with the secret under which calls are signed. */
  @IsString()
  secretFile: string;
}

/** How long keys are used. */
export class KeySettings {
  /** Signing, receiving and client-authentication keys are replaced after so many days; without it before they run out. */
  @IsOptional()
  @IsInt()
  @Min(2)
  @Max(700)
  rotateEveryDays?: number;

  /** For so long an old key is accepted beside the new one. */
  @IsInt()
  @Min(1)
  @Max(60)
  overlapDays = 7;

  /** A new key is used from so long after it was made, so that the whole hub knows it by then. */
  @IsInt()
  @Min(0)
  @Max(86_400)
  useAfterSeconds = 60;
}

/** How strongly somebody was identified, by the `acr` that the identification service states. */
export class AcrSettings {
  @IsString()
  @MaxLength(200)
  value: string;

  /** eIDAS: Regulation (EU) 910/2014, article 8. */
  @IsIn(['substantial', 'high'])
  level: 'substantial' | 'high';
}

const acr = (name: string, level: AcrSettings['level']): AcrSettings =>
  Object.assign(new AcrSettings(), { value: `http://ftn.ficora.fi/2017/${name}`, level });

/**
 * The agency hosts clients' accounts: its agent is a relying party (OpenID Connect Core 1.0) of this identification service.
 * The defaults are those of the Finnish Trust Network's profile (Traficom recommendation 213/2023 S).
 */
export class AccountSettings {
  @IsUrl({ require_tld: false, require_protocol: true, protocols: ['http', 'https'] })
  issuer: string;

  @IsString()
  @MaxLength(200)
  clientId: string;

  /** File with the private JWK (ES256) under which the agent authenticates itself (`private_key_jwt`). */
  @IsString()
  keyFile: string;

  /** File with the private JWK (ECDH-ES, P-256) to which ID tokens are sealed, where the service seals them. */
  @IsOptional()
  @IsString()
  decryptionKeyFile?: string;

  /** Where the browser comes back, as the public sees it: …/v1/account/<agency>/callback. */
  @IsUrl({ require_tld: false, require_protocol: true, protocols: ['http', 'https'] })
  redirectUri: string;

  /** What counts as strong. Anything else is refused. */
  @IsArray()
  @ArrayMinSize(1)
  @ValidateNested({ each: true })
  @Type(() => AcrSettings)
  acr: AcrSettings[] = [acr('loa3', 'high'), acr('loa2', 'substantial')];

  /** Claim of the ID token with the henkilötunnus. */
  @IsString()
  identityCodeClaim = 'urn:oid:1.2.246.21';

  @Matches(/^openid( [!-~]+)*$/)
  scope = 'openid';
}

export class AgencySettings {
  @Matches(agencyIdPattern)
  id: AgencyId;

  @ValidateNested()
  @Type(() => VaultSettings)
  vault: VaultSettings;

  /** Vault of the recovery key on a medium that is connected only when it is needed; from there it vouches for new keys. */
  @IsOptional()
  @ValidateNested()
  @Type(() => VaultSettings)
  recovery?: VaultSettings;

  @ValidateNested()
  @Type(() => KeySettings)
  keys: KeySettings = new KeySettings();

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => SystemSettings)
  systems: SystemSettings[] = [];

  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => AdapterSettings)
  adapters: AdapterSettings[] = [];

  @ValidateNested()
  @Type(() => RefusalWindow)
  refusalWindow: RefusalWindow = new RefusalWindow();

  /** `on-arrival` opens mail at once; `by-hand` waits for an officer. An exchange may say otherwise. */
  @IsIn(['on-arrival', 'by-hand'])
  opening: 'on-arrival' | 'by-hand' = 'on-arrival';

  /** Clients see their account here; without it nobody does. The hub must know the agency as a host (ACCOUNT_HOSTS). */
  @IsOptional()
  @ValidateNested()
  @Type(() => AccountSettings)
  account?: AccountSettings;

  /** A supervising authority is called here about alerts, beside the alarm that its agent raises; without it nobody is. */
  @IsOptional()
  @ValidateNested()
  @Type(() => AlertCallSettings)
  alertCall?: AlertCallSettings;

  /** Agencies from which the shared pseudonym key is taken, agreed out of band. Nobody else's is. */
  @IsArray()
  @Matches(agencyIdPattern, { each: true })
  pseudonymKeyFrom: AgencyId[] = [];

  /** Scope of the access token; a supervising authority has `supervise` beside it. */
  @IsString()
  scope = 'exchange';
}

class AgentFile {
  @IsArray()
  @ArrayMinSize(1)
  @ValidateNested({ each: true })
  @Type(() => AgencySettings)
  agencies: AgencySettings[];
}

/**
 * Reads the file and checks all of it.
 *
 * @throws AppError CONFIG_INVALID that lists every error at once, by place and never with a value
 */
export function readAgencySettings(path: string): readonly AgencySettings[] {
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw invalid(['AGENT_CONFIG_FILE: cannot be read as JSON']);
  }
  return parseAgencySettings(value);
}

export function parseAgencySettings(value: unknown): readonly AgencySettings[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(['the file holds no object']);
  const file = plainToInstance(AgentFile, value, { exposeDefaultValues: true });
  const errors = validateSync(file, {
    whitelist: true,
    forbidNonWhitelisted: true,
    validationError: { target: false, value: false },
  });
  const problems = [
    ...errors.flatMap((error) => describe(error)),
    ...(errors.length === 0 ? contradictions(file) : []),
  ];
  if (problems.length > 0) throw invalid(problems);
  return file.agencies;
}

/** What each member alone cannot show. */
function contradictions({ agencies }: AgentFile): string[] {
  const problems: string[] = [];
  const hashes = agencies.flatMap(({ systems }) => systems.map(({ keyHash }) => keyHash));
  if (new Set(agencies.map(({ id }) => id)).size !== agencies.length) problems.push('agencies: an id stands twice');
  if (new Set(hashes).size !== hashes.length) problems.push('systems: a key is used for two systems');
  for (const [index, agency] of agencies.entries()) {
    const at = `agencies.${index}`;
    for (const name of ['vault', 'recovery'] as const) {
      const vault = agency[name];
      if (vault && (vault.keyFile === undefined) === (vault.passphraseFile === undefined))
        problems.push(`${at}.${name}: exactly one of keyFile and passphraseFile`);
    }
    if (agency.recovery?.path === agency.vault.path) problems.push(`${at}.recovery: lies in the vault itself`);
    if (agency.alertCall && !isSafe(new URL(agency.alertCall.url))) problems.push(`${at}.alertCall.url: is not https`);
    problems.push(...accountErrors(agency).map((what) => `${at}.account.${what}`));
    const answered = agency.adapters.flatMap(({ categories }) => categories);
    if (new Set(answered).size !== answered.length) problems.push(`${at}.adapters: a category stands twice`);
    for (const [number, adapter] of agency.adapters.entries())
      problems.push(...missingFor(adapter).map((what) => `${at}.adapters.${number}: ${what}`));
  }
  return problems;
}

/** Identity codes and codes of login go over HTTPS, except on this machine itself. */
function accountErrors({ id, account }: AgencySettings): string[] {
  if (!account) return [];
  const problems = (['issuer', 'redirectUri'] as const)
    .filter((name) => !isSafe(new URL(account[name])))
    .map((name) => `${name}: is not https`);
  if (!new URL(account.redirectUri).pathname.endsWith(`/v1/account/${id}/callback`))
    problems.push('redirectUri: does not lead to this account');
  return problems;
}

const isSafe = ({ protocol, hostname }: URL): boolean =>
  protocol === 'https:' || ['127.0.0.1', 'localhost', '[::1]'].includes(hostname);

function missingFor(adapter: AdapterSettings): string[] {
  switch (adapter.kind) {
    case 'manual':
      return [];
    case 'webhook':
      return [
        ...(adapter.url === undefined ? ['url is missing'] : []),
        ...(adapter.secretFile === undefined ? ['secretFile is missing'] : []),
      ];
    case 'sql':
      return [
        ...(adapter.databaseUrlFile === undefined ? ['databaseUrlFile is missing'] : []),
        ...adapter.categories.flatMap((category) => queryErrors(category, adapter.queries?.[String(category)])),
      ];
  }
}

/** `queries` is keyed by category, which class-transformer cannot see into: each is checked on its own. */
function queryErrors(category: number, query: CategoryQuery | undefined): string[] {
  if (query === undefined) return [`no query for category ${category}`];
  const errors = validateSync(plainToInstance(CategoryQuery, query, { exposeDefaultValues: true }), {
    whitelist: true,
    forbidNonWhitelisted: true,
  });
  return errors.flatMap((error) => describe(error, `queries.${category}`));
}

function describe(error: ValidationError, above = ''): string[] {
  const path = above === '' ? error.property : `${above}.${error.property}`;
  const own = error.constraints ? [`${path}: ${Object.values(error.constraints).join('; ')}`] : [];
  return [...own, ...(error.children ?? []).flatMap((child) => describe(child, path))];
}

const invalid = (problems: readonly string[]): AppError =>
  new AppError('CONFIG_INVALID', `configuration errors:\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
