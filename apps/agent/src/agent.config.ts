import { ServiceConfig } from '#platform';
import { IsInt, IsJSON, IsOptional, IsString, IsUrl, Matches, Min } from 'class-validator';

const url = { require_tld: false, require_protocol: true, protocols: ['http', 'https'] };

/**
 * An agent's environment. Which agencies it serves stands in the file that AGENT_CONFIG_FILE names (`agency-settings.ts`);
 * what it trusts of the hub is pinned here by hand (design: First trust).
 */
export class AgentConfig extends ServiceConfig {
  /** JSON file with the agencies that this agent serves. */
  @IsString()
  AGENT_CONFIG_FILE: string;

  /** The agent's own database. */
  @IsString()
  DATABASE_URL: string;

  /** The hub's edge, as its DPoP proofs name it. */
  @IsUrl(url)
  GATEWAY_URL: string;

  /** Where access tokens come from. */
  @IsUrl(url)
  IDENTITY_ISSUER: string;

  /** Audience of the access tokens. */
  @IsString()
  AUDIENCE: string;

  /** Name of the log. */
  @IsString()
  LOG_ORIGIN: string;

  /** C2SP verifier key of the log, configured by hand. */
  @IsString()
  LOG_VERIFIER_KEY: string;

  /** Public JWK of the key that signs outcomes. */
  @IsJSON()
  OUTCOME_PUBLIC_JWK: string;

  /** Public JWK of the permit key. Agents see no permits; what is pinned is compared with what the log shows. */
  @IsOptional()
  @IsJSON()
  PERMIT_PUBLIC_JWK?: string;

  /** Name of this process's witness, as the policies of others know it, such as `kauniainen.example/witness`. Without: none. */
  @IsOptional()
  @Matches(/^[^\s+]+$/)
  WITNESS_NAME?: string;

  /** Served agency in whose vault the witness's key lies. Default: the first one. */
  @IsOptional()
  @IsString()
  WITNESS_AGENCY?: string;

  /** `host:port` of the witness alone, for the network; without it `/witness` of the agent's own address. */
  @IsOptional()
  @Matches(/^[^\s/]+:\d{1,5}$/)
  WITNESS_LISTEN?: string;

  /**
   * What this witness cosigned last, outside the database; never to be restored from a backup. Default: beside the vault with
   * the witness's key.
   */
  @IsOptional()
  @IsString()
  WITNESS_HEAD_FILE?: string;

  /** Policy file (C2SP tlog-policy) that says which cosignatures make a checkpoint a witnessed one. Without: nobody is asked. */
  @IsOptional()
  @IsString()
  WITNESS_POLICY_FILE?: string;

  /** Pause between two looks at the log, in milliseconds. */
  @IsInt()
  @Min(10)
  FOLLOW_EVERY_MS = 2_000;

  /** Work with a time (repetitions, refusal windows) is looked for this often, in milliseconds. */
  @IsInt()
  @Min(10)
  LOOK_AGAIN_EVERY_MS = 1_000;

  /** Folder of the notices that clients are given before they decide. */
  @IsString()
  NOTICES: string = 'apps/agent/data/notices';

  /** Folder of what the law says about the client's account of disclosures. */
  @IsString()
  REPORT_RULES: string = 'apps/agent/data/disclosure-report';
}
