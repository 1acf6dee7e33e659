import { describe, expect, it } from '@jest/globals';
import { AppError } from '#kernel';
import { parseAgencySettings } from './agency-settings.js';

const keyHash = 'A'.repeat(43);
const agency = (more: object = {}) => ({
  id: 'H-03',
  vault: { path: '/data/h-03.vault', keyFile: '/data/h-03.key' },
  systems: [{ name: 'register', keyHash }],
  ...more,
});
const errorsOf = (value: unknown): string => {
  try {
    parseAgencySettings(value);
    return '';
  } catch (error) {
    if (error instanceof AppError && error.code === 'CONFIG_INVALID') return error.detail;
    throw error;
  }
};

describe('the settings of served agencies', () => {
  it('are accepted with what has no default alone', () => {
    expect(parseAgencySettings({ agencies: [{ id: 'K-235', vault: { path: 'v', keyFile: 'k' } }] })).toMatchObject([
      { id: 'K-235', opening: 'on-arrival', systems: [], adapters: [], refusalWindow: { afterSeconds: 3_600 } },
    ]);
  });

  it('take the strength and the claim of the Finnish Trust Network for an account that says nothing else', () => {
    const [settings] = parseAgencySettings({ agencies: [agency({ account: account({}) })] });
    expect(settings?.account).toMatchObject({
      identityCodeClaim: 'urn:oid:1.2.246.21',
      acr: [
        { value: 'http://ftn.ficora.fi/2017/loa3', level: 'high' },
        { value: 'http://ftn.ficora.fi/2017/loa2', level: 'substantial' },
      ],
    });
  });

  it('tell every error at once, by place', () => {
    const told = errorsOf({
      agencies: [agency({ id: 'nobody', opening: 'sometimes', systems: [{ name: 'x', keyHash: 'secret' }] })],
    });
    expect(told).toMatch(/agencies\.0\.id/);
    expect(told).toMatch(/agencies\.0\.opening/);
    expect(told).toMatch(/agencies\.0\.systems\.0\.keyHash/);
  });

  it('never repeat a value', () => {
    expect(errorsOf({ agencies: [agency({ vault: { path: 'v', passphrase: 'correct horse' } })] })).not.toMatch(
      /horse/,
    );
  });

  it.each([
    ['two ways to open a vault', { vault: { path: 'v', keyFile: 'k', passphraseFile: 'p' } }, /exactly one/],
    ['none', { vault: { path: 'v' } }, /exactly one/],
    [
      'one key for two systems',
      {
        systems: [
          { name: 'a', keyHash },
          { name: 'b', keyHash },
        ],
      },
      /two systems/,
    ],
    ['a category at two adapters', { adapters: [manual([11]), manual([11, 12])] }, /stands twice/],
    [
      'a webhook without secret',
      { adapters: [{ kind: 'webhook', categories: [9], url: 'http://127.0.0.1/' }] },
      /secretFile/,
    ],
    ['a category without query', { adapters: [{ ...sql(), categories: [11, 12] }] }, /no query for category 12/],
    ['an account without https', { account: account({ issuer: 'http://tunnistus.example' }) }, /issuer: is not https/],
    [
      'an account whose browsers come back elsewhere',
      { account: account({ redirectUri: 'https://kunta.example/v1/account/K-049/callback' }) },
      /redirectUri: does not lead to this account/,
    ],
    ['an account for which nothing counts as strong', { account: account({ acr: [] }) }, /account\.acr/],
    [
      'a call about alerts without https',
      { alertCall: { url: 'http://vakt.example', secretFile: 's' } },
      /alertCall\.url/,
    ],
    ['a query that is none', { adapters: [{ ...sql(), queries: { '11': { statement: 'SELECT' } } }] }, /queries\.11/],
  ])('refuse %s', (_name, more, expected) => {
    expect(errorsOf({ agencies: [agency(more)] })).toMatch(expected);
  });

  it('refuse the same agency twice', () => {
    expect(errorsOf({ agencies: [agency(), agency({ systems: [] })] })).toMatch(/an id stands twice/);
  });
});

function account(more: object) {
  return {
    issuer: 'https://tunnistus.example',
    clientId: 'kotovayla',
    keyFile: 'key.jwk',
    redirectUri: 'https://kunta.example/koto/v1/account/H-03/callback',
    ...more,
  };
}

function manual(categories: number[]) {
  return { kind: 'manual', categories };
}

function sql() {
  return {
    kind: 'sql',
    categories: [11],
    databaseUrlFile: 'url',
    queries: { '11': { text: 'SELECT 1', parameters: ['identifier'] } },
  };
}
