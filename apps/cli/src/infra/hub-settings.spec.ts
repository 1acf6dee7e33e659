import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { UsageError } from '../domain/command-outcome.js';
import { withTemporaryFolder } from '../testing/small-log.fixture.js';
import { HubSettings } from './hub-settings.js';

const file = { directoryGrpc: 'embedded:1', exchangeGrpc: 'embedded:2', pins: { GATEWAY_URL: 'http://embedded' } };

const withHubFile = <T>(use: (path: string) => Promise<T>): Promise<T> =>
  withTemporaryFolder(async (folder) => {
    const path = join(folder, 'hub.json');
    await writeFile(path, JSON.stringify(file));
    return use(path);
  });

describe('where the hub is', () => {
  it('says the flag first', () =>
    withHubFile(async (path) => {
      const settings = new HubSettings({ directory: 'flag:1' }, { KOTOVAYLA_DIRECTORY: 'environment:1' }, path);
      expect(await settings.get('directory')).toBe('flag:1');
    }));

  it('says the environment next', () =>
    withHubFile(async (path) => {
      const settings = new HubSettings({}, { KOTOVAYLA_EXCHANGE: 'environment:2' }, path);
      expect(await settings.get('exchange')).toBe('environment:2');
    }));

  it('says the embedded stack last', () =>
    withHubFile(async (path) => {
      const settings = new HubSettings({}, { GATEWAY_URL: '' }, path);
      expect(await settings.get('directory')).toBe('embedded:1');
      expect(await settings.get('gateway')).toBe('http://embedded');
    }));

  it('is asked for where nobody says it', () =>
    withTemporaryFolder(async (folder) => {
      const settings = new HubSettings({}, {}, join(folder, 'hub.json'));
      await expect(settings.get('verifierKey')).rejects.toBeInstanceOf(UsageError);
    }));
});
