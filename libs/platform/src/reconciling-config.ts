import { IsInt, Min } from 'class-validator';
import { ServiceConfig } from './config.js';

/** Of a service whose facts become entries of the log and that holds them against it. */
export class ReconcilingConfig extends ServiceConfig {
  /** Milliseconds between two rounds. */
  @IsInt()
  @Min(10)
  RECONCILE_EVERY_MS = 10_000;

  /** Leaves younger than so many milliseconds are left for a later round. */
  @IsInt()
  @Min(0)
  RECONCILE_LEAST_AGE_MS = 60_000;

  /** After so many milliseconds without its leaf a fact that was sent again meanwhile raises an alarm. */
  @IsInt()
  @Min(0)
  RECONCILE_ALARM_MS = 600_000;
}
