import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { MessageContext } from '#envelope';
import { AppError, type ConsentId, FixedClock, numericDate, type Pseudonym } from '#kernel';
import { ConsentGround, type Instance } from '../testing/consent-ground.fixture.js';
import { byConsent, byStatute, client, contextOf, employmentAuthority, kela, now } from '../testing/facts.fixture.js';

const clock = new FixedClock(now);
let ground: ConsentGround;
let service: Instance;
let consents = 0;

beforeAll(async () => {
  ground = await ConsentGround.lay(clock);
  service = ground.instance();
});
beforeEach(() => clock.advance(86_400_000));
afterAll(() => ground.clear());

const contextNow = (changes: Partial<MessageContext> = {}): MessageContext => {
  const iat = numericDate(clock.now());
  return contextOf({ iat, exp: iat + 86_400, ...changes });
};
const askBy = (agency: MessageContext['sender'], changes: Partial<MessageContext> = {}) =>
  service.ask.ask(agency, JSON.stringify(contextNow(changes)));
const ask = (changes: Partial<MessageContext> = {}) => askBy(contextNow(changes).sender, changes);
const codeOf = async (asked: Promise<unknown>): Promise<string> => {
  try {
    await asked;
    return 'answered';
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
};
const recorded = async (): Promise<ConsentId> => {
  consents += 1;
  const id = `11111111-1111-4111-8111-${String(consents).padStart(12, '0')}` as ConsentId;
  await service.record.record(ground.parties.municipality.id, await ground.parties.record({ id }));
  return id;
};
const person = (n: number): Pseudonym => `p1.${String(n).padStart(42, 'E')}A` as Pseudonym;

describe('asked beforehand', () => {
  it('a consent that holds allows the answer, and no use is counted', async () => {
    const id = await recorded();
    expect(await ask({ basis: [byConsent({}, id)] })).toMatchObject({ allowed: true, consentNeedless: false });
    expect(await ground.rows('SELECT 1 FROM consent.consent_use WHERE consent_id = $1', [id])).toEqual([]);
  });

  it('the recipient may ask as well', async () => {
    const id = await recorded();
    const basis = [byConsent({}, id)];
    expect(await askBy(contextNow({ basis }).recipient, { basis })).toMatchObject({ allowed: true });
  });

  it('every reason is told with its rule', async () => {
    const id = await recorded();
    expect(await ask({ basis: [byConsent({}, id)], purpose: 'coordination' })).toMatchObject({
      allowed: false,
      reasons: [{ code: 'CONSENT_TOO_NARROW', rule: 'consent-covers-purpose' }],
    });
  });

  it('a consent of others and none at all have one answer', async () => {
    const id = await recorded();
    const outsiders = { sender: kela, recipient: employmentAuthority };
    const ofOthers = await ask({ ...outsiders, basis: [byConsent({}, id)] });
    const ofNobody = await ask({
      ...outsiders,
      basis: [byConsent({}, '99999999-9999-4999-8999-999999999999' as ConsentId)],
    });
    expect(ofOthers).toEqual(ofNobody);
    expect(ofOthers).toMatchObject({
      allowed: false,
      reasons: expect.arrayContaining([{ code: 'NO_BASIS', rule: 'consent-of-both-parties' }]),
    });
  });

  it('a consent is needless where a provision suffices', async () => {
    expect(await ask({ basis: [byConsent({ categories: [11] })] })).toMatchObject({ consentNeedless: true });
    expect(await ask({ basis: [byStatute()] })).toMatchObject({ allowed: true, consentNeedless: false });
  });

  it.each<[string, () => Promise<unknown>, string]>([
    ['a message between others', () => askBy(kela), 'FORBIDDEN'],
    ['what is no JSON', () => service.ask.ask(kela, '{'), 'MALFORMED'],
    ['what is no context', () => service.ask.ask(kela, '{}'), 'MALFORMED'],
    ['a category without a basis', () => ask({ categories: [11, 12] }), 'BASIS_MALFORMED'],
  ])('%s is no question', async (_, asked, code) => {
    expect(await codeOf(asked())).toBe(code);
  });
});

describe('that it was asked', () => {
  it('is logged with parties, person and categories, and tells of no consent', async () => {
    const id = await recorded();
    await ask({ basis: [byConsent({}, id)] });
    const asked = (await ground.events()).at(-1);
    expect(asked).toMatchObject({
      state: '',
      parties: [contextNow().sender],
      log: {
        type: 'basis-asked',
        sender: contextNow().sender,
        recipient: contextNow().recipient,
        actorAgency: contextNow().sender,
        subjects: [client],
        categories: [12],
        consentId: '',
        code: '',
        evidence: [],
      },
    });
  });

  it('is not logged where it was no question', async () => {
    const before = (await ground.events()).length;
    await codeOf(askBy(kela));
    expect(await ground.events()).toHaveLength(before);
  });
});

describe('asking again and again', () => {
  it('about one person ends with the day’s limit, and the next day begins at nothing', async () => {
    for (let n = 0; n < 50; n += 1) expect(await codeOf(ask({ basis: [byStatute()] }))).toBe('answered');
    expect(await codeOf(ask({ basis: [byStatute()] }))).toBe('SUBJECT_QUOTA_EXCEEDED');
    expect(await codeOf(ask({ basis: [byStatute()], subjects: [person(1)] }))).toBe('answered');
    clock.advance(86_400_000);
    expect(await codeOf(ask({ basis: [byStatute()] }))).toBe('answered');
  });

  it('about ever other persons ends with the day’s limit, and those asked about may be asked about again', async () => {
    const family = (n: number) => Array.from({ length: 10 }, (_, member) => person(1_000 + n * 10 + member));
    for (let n = 0; n < 50; n += 1)
      expect(await codeOf(ask({ basis: [byStatute()], subjects: family(n) }))).toBe('answered');
    expect(await codeOf(ask({ basis: [byStatute()], subjects: [person(1)] }))).toBe('ENUMERATION_QUOTA_EXCEEDED');
    expect(await codeOf(ask({ basis: [byStatute()], subjects: [person(1_001)] }))).toBe('answered');
  });
});
