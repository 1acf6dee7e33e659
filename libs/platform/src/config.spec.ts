import { describe, expect, it } from '@jest/globals';
import { AppError } from '#kernel';
import { IsInt, IsOptional, IsString, Min } from 'class-validator';
import { loadConfig, ServiceConfig } from './config.js';

class ExampleConfig extends ServiceConfig {
  @IsString()
  DATABASE_URL: string;

  @IsInt()
  @Min(1)
  ATTEMPTS = 10;

  @IsInt()
  LIMIT: number;

  @IsOptional()
  @IsString()
  KAFKA_TOPIC_PREFIX?: string;
}

const complete = { DATABASE_URL: 'postgresql://secret@host/db', LIMIT: '5' };

function refusalOf(env: NodeJS.ProcessEnv): string {
  try {
    loadConfig(ExampleConfig, env);
  } catch (error) {
    expect(error).toMatchObject({ code: 'CONFIG_INVALID' });
    return (error as AppError).detail;
  }
  throw new Error('accepted');
}

describe('configuration', () => {
  it('takes defaults for what the environment does not name', () => {
    expect(loadConfig(ExampleConfig, complete)).toMatchObject({ HTTP_HOST: '127.0.0.1', HTTP_PORT: 0, ATTEMPTS: 10 });
  });

  it('makes numbers of declared ones and of those with a default', () => {
    const config = loadConfig(ExampleConfig, { ...complete, HTTP_PORT: '8080', ATTEMPTS: '3' });
    expect(config).toMatchObject({ HTTP_PORT: 8080, ATTEMPTS: 3, LIMIT: 5 });
  });

  it('treats an empty variable as one that is not set', () => {
    expect(loadConfig(ExampleConfig, { ...complete, HTTP_PORT: '' }).HTTP_PORT).toBe(0);
  });

  it('leaves text that looks like a number as text', () => {
    expect(loadConfig(ExampleConfig, { ...complete, KAFKA_TOPIC_PREFIX: '12' }).KAFKA_TOPIC_PREFIX).toBe('12');
  });

  it('names every error at once', () => {
    const detail = refusalOf({ HTTP_PORT: '70000', ATTEMPTS: 'many', LOG_LEVEL: 'loud' });
    for (const name of ['HTTP_PORT', 'ATTEMPTS', 'LOG_LEVEL', 'DATABASE_URL', 'LIMIT']) expect(detail).toContain(name);
  });

  it('never shows a value', () => {
    expect(refusalOf({ ...complete, ATTEMPTS: 'hunter2' })).not.toContain('hunter2');
    expect(refusalOf({ ...complete, ATTEMPTS: 'x' })).not.toContain('secret');
  });
});
