import { ServiceConfig } from '#platform';
import { IsInt, IsOptional, IsString, IsUrl, Max, Min } from 'class-validator';

const url = { require_tld: false, require_protocol: true, protocols: ['http', 'https'] };

/** The edge's configuration. It has no database and holds no key that decrypts. */
export class GatewayConfig extends ServiceConfig {
  /** Address by which agencies call this gateway: what DPoP proofs must name (RFC 9449 §4.3, htu). */
  @IsUrl(url)
  GATEWAY_URL: string;

  /** Issuer of access tokens; its key set is read from /jwks below it. */
  @IsUrl(url)
  IDENTITY_ISSUER: string;

  /** Audience that access tokens must carry. */
  @IsString()
  AUDIENCE: string;

  @IsString()
  KAFKA_BROKERS: string;

  @IsOptional()
  @IsString()
  KAFKA_TOPIC_PREFIX?: string;

  @IsString()
  DIRECTORY_GRPC: string;

  @IsString()
  CONSENT_GRPC: string;

  @IsString()
  EXCHANGE_GRPC: string;

  @IsString()
  AUDIT_GRPC: string;

  /** ES256, signs the calls to audit, which pins its public half. Made at first start. It decrypts nothing. */
  @IsString()
  GATEWAY_KEY_FILE: string;

  /** Requests that one agency may make in a second at this instance, on average over ten seconds. */
  @IsInt()
  @Min(1)
  @Max(100_000)
  RATE_PER_SECOND = 200;

  /** PEM files; with both given the edge speaks HTTPS itself, else a proxy in front of it does. */
  @IsOptional()
  @IsString()
  TLS_CERT_FILE?: string;

  @IsOptional()
  @IsString()
  TLS_KEY_FILE?: string;
}
