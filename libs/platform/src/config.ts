import 'reflect-metadata';
import { AppError } from '#kernel';
import { plainToInstance } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Max, Min, type ValidationError, validateSync } from 'class-validator';

/**
 * What every service is configured by. An app declares its own variables once, in a class that extends this one: property
 * names are the environment variables' names, class-validator's decorators say what is accepted.
 */
export class ServiceConfig {
  @IsString()
  HTTP_HOST = '127.0.0.1';

  @IsInt()
  @Min(0)
  @Max(65535)
  HTTP_PORT = 0;

  /** Port on the loopback at which a service at the edge tells its metrics; without one it tells none. */
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(65535)
  METRICS_PORT?: number;

  @IsIn(['trace', 'debug', 'info', 'warn', 'error', 'silent'])
  LOG_LEVEL = 'info';

  /** Set by the supervisor of the embedded stack: stop when the parent goes. */
  @IsOptional()
  @IsString()
  KOTOVAYLA_SUPERVISED?: string;
}

/**
 * Parses and checks the environment.
 *
 * @throws AppError CONFIG_INVALID that lists every error at once; names only, because values may be secrets.
 */
export function loadConfig<T extends object>(declaration: new () => T, env: NodeJS.ProcessEnv = process.env): T {
  const defaults = new declaration();
  const given = Object.fromEntries(
    Object.entries(env)
      .filter(([, value]) => value !== undefined && value !== '')
      .map(([name, value]) => [name, likeDefault(value, (defaults as Record<string, unknown>)[name])]),
  );
  const config = plainToInstance(
    declaration,
    { ...defaults, ...given },
    { enableImplicitConversion: true, exposeDefaultValues: true },
  );
  const errors = validateSync(config, {
    skipMissingProperties: false,
    validationError: { target: false, value: false },
  });
  if (errors.length > 0)
    throw new AppError('CONFIG_INVALID', `configuration errors:\n${errors.map(describe).join('\n')}`);
  return config;
}

/** A type that follows from a default leaves no metadata for class-transformer, so numbers are made here. */
const likeDefault = (value: string | undefined, byDefault: unknown): unknown =>
  typeof byDefault === 'number' && value !== undefined && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;

const describe = (error: ValidationError): string =>
  `  ${error.property}: ${Object.values(error.constraints ?? { children: 'is not valid' }).join('; ')}`;
