import { ServiceConfig } from '#platform';
import { IsInt, IsOptional, IsString, Min } from 'class-validator';

export class ConsentConfig extends ServiceConfig {
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

  /** Milliseconds between two sweeps for what has ended by itself. */
  @IsInt()
  @Min(10)
  SWEEP_EVERY_MS = 10_000;

  /** File with the private key (JWK, ES256) that signs permits. Its public half is pinned in audit and exchange. */
  @IsString()
  PERMIT_KEY_FILE: string;
}
