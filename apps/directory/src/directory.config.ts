import { ReconcilingConfig } from '#platform';
import { IsOptional, IsString } from 'class-validator';

export class DirectoryConfig extends ReconcilingConfig {
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

  /** Whose leaves the outbox is held against. */
  @IsString()
  AUDIT_GRPC: string;

  /** ES256, signs the calls to audit, which pins its public half. Made at first start. */
  @IsString()
  DIRECTORY_KEY_FILE: string;

  /** Folder of the reference data; the one that comes with the program unless an operator keeps a newer one. */
  @IsString()
  REFERENCE_DATA: string = 'apps/directory/data';
}
