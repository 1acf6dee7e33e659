import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { importVerificationKey, readStatement, verifyStatement } from '#envelope';
import { FixedClock, agencyId, unwrap } from '#kernel';
import { openAgencyVault } from '../infra/auditor-vault.js';
import { withTemporaryFolder } from '../testing/small-log.fixture.js';
import { makeAuditorKeys } from './make-auditor-keys.js';

const agency = agencyId('A-TSV');
const clock = new FixedClock(new Date('2026-11-22T10:00:00Z'));

const withVault = (use: (files: { vault: string; keyFile: string }) => Promise<void>): Promise<void> =>
  withTemporaryFolder((folder) => use({ vault: join(folder, 'a.vault'), keyFile: join(folder, 'a.key') }));

describe('the keys of a supervising authority', () => {
  it('are made with records that prove themselves from the first one on', () =>
    withVault(async (files) => {
      const { data } = await makeAuditorKeys(agency, files, clock);
      const listed = (await openAgencyVault(agency, files)).list();
      expect(listed.map(({ purpose }) => purpose)).toEqual([
        'signing',
        'receiving',
        'client-auth',
        'auditor-signing',
        'auditor-auth',
      ]);
      const first = unwrap(await importVerificationKey(listed[0]!.publicJwk));
      expect(data).toMatchObject({ thumbprint: first.kid });
      for (const { purpose, publicJwk, meta } of listed) {
        const record = unwrap(await verifyStatement('agency-key', meta['record'] as string, first));
        expect(record).toMatchObject({ agency, use: purpose, jwk: publicJwk });
        expect(unwrap(readStatement('agency-key', meta['record'] as string)).kid).toBe(first.kid);
      }
    }));

  it('stay as they are when asked for again', () =>
    withVault(async (files) => {
      const first = await makeAuditorKeys(agency, files, clock);
      expect(await makeAuditorKeys(agency, files, clock)).toEqual(first);
    }));

  it('are readable by their owner alone', () =>
    withVault(async (files) => {
      await makeAuditorKeys(agency, files, clock);
      for (const path of [files.vault, files.keyFile]) expect((await stat(path)).mode & 0o077).toBe(0);
    }));

  it('are not shown to another agency', () =>
    withVault(async (files) => {
      await makeAuditorKeys(agency, files, clock);
      await expect(makeAuditorKeys(agencyId('A-VTV'), files, clock)).rejects.toMatchObject({ code: 'FORBIDDEN' });
    }));

  it('stay closed to another key file', () =>
    withVault(async (files) => {
      await makeAuditorKeys(agency, files, clock);
      const other = { ...files, keyFile: `${files.keyFile}.other` };
      await expect(makeAuditorKeys(agency, other, clock)).rejects.toMatchObject({ code: 'VAULT_LOCKED' });
    }));
});
