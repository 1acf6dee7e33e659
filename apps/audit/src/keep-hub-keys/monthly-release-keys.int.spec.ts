import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { JWK } from 'jose';
import type { ReleaseResult } from '#contracts';
import {
  generateSigningKey,
  type HubKeyRecord,
  importReceivingKey,
  importRecipientKey,
  openCapsule,
  type RecipientKey,
} from '#envelope';
import { FixedClock, numericDate, unwrap } from '#kernel';
import { AuditGround, AuditInstance, releaseItem } from '../testing/audit.fixture.js';
import { directoryOf, type Party, party, type SealedFor, sealedMessage } from '../testing/parties.fixture.js';
import { LogKeyring } from '../infra/log-keyring.js';
import { HubKeys } from './hub-keys.js';

describe('the release keys of the months', () => {
  let clock: FixedClock;
  let ground: AuditGround;
  let audit: AuditInstance;
  let hubKeys: HubKeys;
  let sender: Party;
  let recipient: Party;
  let thisMonth: HubKeyRecord;
  let nextMonth: HubKeyRecord;

  beforeAll(async () => {
    clock = new FixedClock(new Date());
    ground = await AuditGround.lay(clock);
    [sender, recipient] = await Promise.all([party('H-03'), party('K-235')]);
    audit = await AuditInstance.start(ground, directoryOf([sender, recipient]));
    const { keyring, kek } = ground;
    const { appender, logger } = audit;
    hubKeys = new HubKeys({
      keyring,
      logKeys: new LogKeyring(ground.logKey),
      onLogKeys: () => Promise.resolve(),
      pinned: [],
      auditKey: await generateSigningKey(),
      kek,
      appender,
      clock,
      logger,
    });
    await hubKeys.refresh();
    [thisMonth, nextMonth] = keyring.records() as [HubKeyRecord, HubKeyRecord];
  });
  afterAll(async () => {
    await audit.stop();
    await ground.clear();
  });

  const recipientKeyOf = async ({ jwk }: HubKeyRecord): Promise<RecipientKey> => unwrap(await importRecipientKey(jwk));
  /** A sender that gives its message more time than the rules allow, so that nothing but the key ends it. */
  const sealedTo = async (record: HubKeyRecord): Promise<SealedFor> =>
    sealedMessage(sender, recipient, await recipientKeyOf(record), {
      exp: numericDate(new Date(record.destroyAfter ?? '')) + 10 * 86_400,
    });
  const ask = async (message: SealedFor): Promise<string> => {
    const [result] = await audit.release(await releaseItem(ground, recipient, message));
    return wordOf(result);
  };
  /** Private keys in all files of the service, whatever their names. */
  const privateKeys = async (): Promise<JWK[]> => {
    const folder = join(ground.folder, 'release');
    const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')));
    return texts.flatMap((text) => (JSON.parse(text) as { privateJwk?: JWK }).privateJwk ?? []);
  };
  const opensWithWhatIsLeft = async ({ message }: SealedFor): Promise<boolean> => {
    const keys = await Promise.all((await privateKeys()).map((jwk) => importReceivingKey(jwk)));
    const opened = await Promise.all(keys.map((key) => openCapsule(message.capsule, key)));
    return opened.some(({ ok }) => ok);
  };
  const destructions = async (): Promise<number> => {
    const { rows } = await audit.database.pool.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM audit.entry_index WHERE type = 'hub-key-destroyed'`,
    );
    return rows[0]?.n ?? 0;
  };

  it('make what was not opened in their time unreadable when they are destroyed, for the hub and everybody else', async () => {
    const [early, late, other] = [await sealedTo(thisMonth), await sealedTo(thisMonth), await sealedTo(nextMonth)];
    clock.set(new Date(Date.parse(thisMonth.destroyAfter ?? '') - 5_000));
    // Judged in full, so that what stops it is the time it claims and not the key.
    expect(await ask(early)).toBe('EXP_TOO_LATE');
    expect(await opensWithWhatIsLeft(late)).toBe(true);
    expect(await destructions()).toBe(0);

    clock.advance(5_000);
    expect(await ask(late)).toBe('RELEASE_KEY_DESTROYED');
    await hubKeys.refresh();

    expect(await ask(early)).toBe('RELEASE_KEY_DESTROYED');
    expect(await opensWithWhatIsLeft(late)).toBe(false);
    expect(await opensWithWhatIsLeft(other)).toBe(true);
    expect(await destructions()).toBe(1);
  });
});

const wordOf = (result: ReleaseResult['result']): string => {
  if (result?.$case === 'refused') return result.value.code;
  return result?.$case ?? 'nothing';
};
