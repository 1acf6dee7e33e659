import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AppError, canonicalJson, sha256 } from '#kernel';
import { referenceCatalogue } from '../domain/catalogue.fixture.js';
import { Notices } from './notices.js';

const FOLDER = 'apps/agent/data/notices';

/** What clients were told stays what they were told: a change is a new version. */
const published: Readonly<Record<string, string>> = {
  '2026-1': 'OGERs1G5d6yLwgYH5_faubMi6huukYrURMoWcHhzbNw',
};

describe('the notices', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'notices-'));
    cpSync(FOLDER, folder, { recursive: true });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const change = (version: string, language: string, changes: object): void => {
    const path = join(folder, version, `${language}.json`);
    writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as object), ...changes }));
  };
  const code = (body: () => unknown): string => {
    try {
      body();
      return 'nothing';
    } catch (error) {
      return error instanceof AppError ? error.code : String(error);
    }
  };

  it('that were published never change', () => {
    const texts = (version: string): unknown[] =>
      readdirSync(join(FOLDER, version))
        .sort()
        .map((file) => {
          const notice = JSON.parse(readFileSync(join(FOLDER, version, file), 'utf8')) as Record<string, unknown>;
          // When it ends and whether a translator has looked at it may become known later.
          return { ...notice, validTo: undefined, checked: undefined };
        });
    const versions = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const hashes = Object.fromEntries(versions.map(({ name }) => [name, sha256(canonicalJson(texts(name)))]));
    expect(hashes).toEqual(published);
  });

  it('call every category and purpose of the catalogue by a plain name, in every language', () => {
    const { categories, purposes } = referenceCatalogue();
    for (const notice of Notices.read(FOLDER).list()) {
      expect(Object.keys(notice.categories)).toEqual(categories.map(({ number }) => String(number)));
      expect(Object.keys(notice.purposes).sort()).toEqual(purposes.map(({ code: name }) => name).sort());
    }
  });

  it('of an old version stay readable when a new one is given', () => {
    cpSync(join(folder, '2026-1'), join(folder, '2027-1'), { recursive: true });
    for (const file of readdirSync(join(folder, '2026-1'))) {
      const language = file.replace('.json', '');
      change('2026-1', language, { validTo: '2026-12-31' });
      change('2027-1', language, { version: '2027-1', validFrom: '2027-01-01', paragraphs: ['Uusi.'] });
    }
    const notices = Notices.read(folder);
    expect(notices.inForce('fi', '2026-12-31').version).toBe('2026-1');
    expect(notices.inForce('fi', '2027-01-01').paragraphs).toEqual(['Uusi.']);
    expect(notices.get('fi', '2026-1').paragraphs).toHaveLength(6);
  });

  it('refuse to start with a fault, naming each', () => {
    change('2026-1', 'fi', { direction: 'up' });
    change('2026-1', 'ar', { paragraphs: [] });
    try {
      Notices.read(folder);
      throw new Error('it started');
    } catch (error) {
      expect(error).toMatchObject({
        code: 'CONFIG_INVALID',
        details: { violations: ['2026-1/ar.json: paragraphs', '2026-1/fi.json: direction'] },
      });
    }
  });

  it('are unknown in other languages and versions', () => {
    const notices = Notices.read(folder);
    expect(code(() => notices.inForce('tlh', '2026-11-25'))).toBe('NOTICE_UNKNOWN');
    expect(code(() => notices.get('fi', '1999-1'))).toBe('NOTICE_UNKNOWN');
    expect(code(() => notices.inForce('fi', '2025-12-31'))).toBe('NOTICE_UNKNOWN');
  });
});
