import { ServiceConfig } from '#platform';
import { IsInt, IsString, IsUrl, Max, Min } from 'class-validator';

export class IdentityConfig extends ServiceConfig {
  /** The service's own role and schema. */
  @IsString()
  DATABASE_URL: string;

  /** Issuer identifier: the address by which agents and gateway reach this service. */
  @IsUrl({ require_tld: false, require_protocol: true, protocols: ['http', 'https'] })
  IDENTITY_ISSUER: string;

  /** Audience of access tokens: the gateway. */
  @IsString()
  AUDIENCE: string;

  /** File with the private key (JWK, ES256) that signs access tokens; made at first start. */
  @IsString()
  IDENTITY_KEY_FILE: string;

  @IsString()
  DIRECTORY_GRPC: string;

  /** Life of an access token; five minutes at most (design: FAPI 2.0 profile). */
  @IsInt()
  @Min(30)
  @Max(300)
  ACCESS_TOKEN_SECONDS = 300;
}
