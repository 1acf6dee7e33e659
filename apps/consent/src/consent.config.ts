import { ServiceConfig } from '#platform';
import { IsOptional, IsString } from 'class-validator';

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

  /** File with the private key (JWK, ES256) that signs permits. Its public half is pinned in audit and exchange. */
  @IsString()
  PERMIT_KEY_FILE: string;
}
