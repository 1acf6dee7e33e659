import { ReconcilingConfig } from '#platform';
import { IsInt, IsOptional, IsString, Min } from 'class-validator';

export class ConsentConfig extends ReconcilingConfig {
  @IsString()
  GRPC_ADDRESS: string;

  /** The service's own role and schema. */
  @IsString()
  DATABASE_URL: string;

  @IsString()
  KAFKA_BROKERS: string;

  @IsOptional()
  @IsString()
  KAFKA_TOPIC_PREFIX?: string;

  @IsString()
  DIRECTORY_GRPC: string;

  /** Whose log is read again after a restore, before any permit is signed. */
  @IsString()
  AUDIT_GRPC: string;

  /** Agencies that host clients' own accounts, separated by commas; they identify strongly. None: no account is shown. */
  @IsOptional()
  @IsString()
  ACCOUNT_HOSTS?: string;

  /**
   * How often an agency may ask beforehand about one person on a day. Far above what a case worker needs, far below what it
   * would take to follow somebody.
   */
  @IsInt()
  @Min(1)
  QUESTIONS_PER_SUBJECT = 50;

  /** About how many persons an agency may ask beforehand on a day: finding out who is a client would take more. */
  @IsInt()
  @Min(1)
  SUBJECTS_ASKED_ABOUT = 500;

  /** Milliseconds between two sweeps for what has ended by itself. */
  @IsInt()
  @Min(10)
  SWEEP_EVERY_MS = 10_000;

  /** File with the private key (JWK, ES256) that signs permits. Its public half is pinned in audit and exchange. */
  @IsString()
  PERMIT_KEY_FILE: string;
}
