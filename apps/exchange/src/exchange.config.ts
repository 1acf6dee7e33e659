import { IsInt, IsOptional, IsString, Matches, Min } from 'class-validator';
import { ReconcilingConfig } from '#platform';

const hostAndPort = /^[^\s:]+:\d{1,5}$/;

/** Environment of the exchange service. Names of variables are the names of the members. */
export class ExchangeConfig extends ReconcilingConfig {
  /** Address on which gRPC is served. */
  @Matches(hostAndPort)
  GRPC_ADDRESS: string;

  /** The service's own role, not the administrator's. */
  @IsString()
  DATABASE_URL: string;

  /** Comma-separated `host:port`. */
  @IsString()
  KAFKA_BROKERS: string;

  /** Before every topic and group name; for tests that share one Kafka. */
  @IsOptional()
  @IsString()
  KAFKA_TOPIC_PREFIX?: string;

  @Matches(hostAndPort)
  DIRECTORY_GRPC: string;

  @Matches(hostAndPort)
  CONSENT_GRPC: string;

  @Matches(hostAndPort)
  AUDIT_GRPC: string;

  /** File of the private outcome key, made at first start. */
  @IsString()
  OUTCOME_KEY_FILE: string;

  /** Messages that one agency may send in an hour of the clock. */
  @IsInt()
  @Min(1)
  QUOTA_AGENCY_PER_HOUR = 100_000;

  /** Messages other than replies that one agency may send about one subject in a UTC day. */
  @IsInt()
  @Min(1)
  QUOTA_SUBJECT_PER_DAY = 100;

  /** Different subjects about whom one agency may send messages other than replies in a UTC day. */
  @IsInt()
  @Min(1)
  QUOTA_SUBJECTS_PER_DAY = 2_000;

  /** Outbox age in milliseconds beyond which the service is not ready and releases nothing. */
  @IsInt()
  @Min(1)
  OUTBOX_LIMIT_MS = 30_000;

  /** Milliseconds between two sweeps for what has expired. */
  @IsInt()
  @Min(10)
  SWEEP_EVERY_MS = 2_000;

  /** Failed attempts until a message is parked. */
  @IsInt()
  @Min(1)
  ATTEMPTS_BEFORE_PARKING = 10;

  /** First pause before a held message is tried again, in milliseconds; doubled each time. */
  @IsInt()
  @Min(1)
  HELD_BACKOFF_MS = 1_000;
}
