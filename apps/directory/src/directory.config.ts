import { ServiceConfig } from '#platform';
import { IsOptional, IsString } from 'class-validator';

export class DirectoryConfig extends ServiceConfig {
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

  /** Folder of the reference data; the one that comes with the program unless an operator keeps a newer one. */
  @IsString()
  REFERENCE_DATA: string = 'apps/directory/data';
}
