import { ServiceConfig } from '#platform';
import { IsIn, IsInt, IsJSON, IsOptional, IsString, Matches, Max, Min } from 'class-validator';

const address = /^[^\s:/]+:\d{1,5}$/;

export class AuditConfig extends ServiceConfig {
  /** The service's own role and schema. */
  @IsString()
  DATABASE_URL: string;

  /** `host:port` of each broker, with commas between. */
  @IsString()
  KAFKA_BROKERS: string;

  /** Before every topic, so that tests sharing a Kafka do not meet. */
  @IsOptional()
  @IsString()
  KAFKA_TOPIC_PREFIX?: string;

  @Matches(address)
  GRPC_ADDRESS: string;

  @Matches(address)
  DIRECTORY_GRPC: string;

  /**
   * Name of the log: its URL without scheme, which is that of the gateway and `/log`, as `kotovayla.example/log`, or a host
   * of its own that leads there. Fixed when the log begins.
   */
  @Matches(/^[^\s+]+$/)
  LOG_ORIGIN: string;

  /** Ed25519, signs checkpoints. A key that was the next one before takes over when it stands here alone. */
  @IsString()
  LOG_KEY_FILE: string;

  /** While the log changes its key: the next one, made where there is no file. It is announced, and signs beside the other. */
  @IsOptional()
  @IsString()
  LOG_NEXT_KEY_FILE?: string;

  /**
   * Verifier key of a next key that was announced and lost before it took over: it is withdrawn in the log, and its signatures count
   * no more. May stand here for good.
   */
  @IsOptional()
  @IsString()
  LOG_WITHDRAWN_KEY?: string;

  /** The last checkpoint given out, outside PostgreSQL and its backups. Default: beside LOG_KEY_FILE. */
  @IsOptional()
  @IsString()
  LOG_HEAD_FILE?: string;

  /** The public log: tiles, entry bundles and the checkpoint as files (C2SP tlog-tiles). Outside PostgreSQL. */
  @IsString()
  LOG_FOLDER: string;

  /** Least time between two published checkpoints. */
  @IsInt()
  @Min(0)
  @Max(60_000)
  LOG_PUBLISH_MS = 1_000;

  /** Policy file (C2SP tlog-policy) with the witnesses to ask, by their URLs, and who must have cosigned. Without: nobody is asked. */
  @IsOptional()
  @IsString()
  WITNESS_POLICY_FILE?: string;

  /** Pause between two looks at the published checkpoint for witnesses. */
  @IsInt()
  @Min(100)
  @Max(600_000)
  WITNESS_ASK_MS = 10_000;

  /** As the others are configured with; where given, it must be a key of this log. */
  @IsOptional()
  @IsString()
  LOG_VERIFIER_KEY?: string;

  /** ES256, signs the statements about the hub's keys. */
  @IsString()
  AUDIT_KEY_FILE: string;

  /** ES256, signs COSE receipts (RFC 9942) and nothing else. Default: beside AUDIT_KEY_FILE. */
  @IsOptional()
  @IsString()
  RECEIPT_KEY_FILE?: string;

  /** Wraps the entries' secrets. Outside PostgreSQL and its backups. */
  @IsString()
  ENTRY_KEK_FILE: string;

  /** Retention classes and legal grounds. */
  @IsString()
  RETENTION_DATA = 'apps/audit/data/retention.json';

  /** Of Finnish time: what is approved is erased in the night from then on. Default: when somebody starts the run. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(23)
  ERASE_NIGHTLY_HOUR?: number;

  /** What counts as unusual access. */
  @IsString()
  ALERT_RULES = 'apps/audit/data/alert-rules.json';

  /** Pause between two looks for unusual access. */
  @IsInt()
  @Min(100)
  @Max(3_600_000)
  ALERTS_EVERY_MS = 60_000;

  /** One file for each month's release key. */
  @IsString()
  RELEASE_KEY_FOLDER: string;

  /** Days after its use for which a release key opens capsules; then it is destroyed. */
  @IsInt()
  @Min(31)
  @Max(400)
  RELEASE_KEY_RETENTION_DAYS = 92;

  /** Consent's public permit key. */
  @IsJSON()
  PERMIT_PUBLIC_JWK: string;

  /** The gateway's public call key: who else reaches this port looks at no body and acts for nobody. */
  @IsJSON()
  GATEWAY_PUBLIC_JWK: string;

  /** Directory's public call key: by it the directory reports how its records stand against the log. */
  @IsJSON()
  DIRECTORY_PUBLIC_JWK: string;

  /** Exchange's public outcome key: logged. By it exchange signs its calls too. */
  @IsJSON()
  OUTCOME_PUBLIC_JWK: string;

  /** Production sets it: without a synchronous standby a failover could lose a logged release. */
  @IsIn(['yes', 'no'])
  REQUIRE_SYNCHRONOUS_STANDBY = process.env['NODE_ENV'] === 'production' ? 'yes' : 'no';
}
