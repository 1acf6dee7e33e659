import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { ConsentWord } from '#contracts';
import { topics } from '#contracts';
import { type ConsentId, newConsentId, newEventId, newExchangeId, numericDate, type Pseudonym, unwrap } from '#kernel';
import { plainProposal } from '../append-entries/proposal.js';
import { prepareOpaque } from '../append-entries/prepared-entry.js';
import { parseLogBody, signStatement, statementHash } from '#envelope';
import { AuditGround, AuditInstance, emptyRecord } from '../testing/audit.fixture.js';
import { directoryOf, type Party, party } from '../testing/parties.fixture.js';
import { ListConsentWordsController } from './list-consent-words.controller.js';

const subject = `p1.${'S'.repeat(42)}A` as Pseudonym;

describe('what the log says about consents', () => {
  let ground: AuditGround;
  let audit: AuditInstance;
  let municipality: Party;
  let list: ListConsentWordsController;
  const id = newConsentId();

  beforeAll(async () => {
    ground = await AuditGround.lay();
    municipality = await party('K-235');
    audit = await AuditInstance.start(ground, directoryOf([municipality]));
    list = new ListConsentWordsController(audit.database, audit.openings);
    await log(id, 'consent-mandate-verified');
    await log(id, 'consent-suspended');
    await released(id);
    await log(newConsentId(), 'consent-requested', 0);
  });
  afterAll(async () => {
    await audit.stop();
    await ground.clear();
  });

  const log = async (consentId: ConsentId, type: string, consentVersion = 1): Promise<void> => {
    const record = { ...emptyRecord(), type, consentId, consentVersion, subjects: [subject] };
    await audit.appender.append(plainProposal([unwrap(await audit.preparer.prepare(record, topics.consentEvents))]));
  };
  /** As the release path writes it. */
  const released = async (consentId: ConsentId): Promise<void> => {
    const body = parseLogBody({
      v: 1,
      eventId: emptyRecord().eventId,
      type: 'message-released',
      at: new Date().toISOString(),
      exchangeId: newExchangeId(),
      sender: 'H-07',
      recipient: 'K-235',
      subjects: [subject],
      categories: [12],
      basis: [
        {
          categories: [12],
          processing: { sender: '2016/679-6.1.e', recipient: '2016/679-6.1.e' },
          secrecyLift: { consent: { id: consentId, version: 1 } },
        },
      ],
      assertedBy: 'hub',
    });
    await audit.appender.append(plainProposal([prepareOpaque(unwrap(body), ground.kek)]));
  };
  const all = async (limit: number): Promise<ConsentWord[]> => {
    const words: ConsentWord[] = [];
    for (let from = 0n; ;) {
      const page = await list.listConsentWords({ from, limit, withStatements: false });
      words.push(...page.words);
      if (!page.more) return words;
      from = page.next;
    }
  };

  it('is listed in its order with the event of each, releases by the consents on which they rest', async () => {
    const words = await all(500);
    expect(words.map(({ type, consentVersion }) => [type, consentVersion])).toEqual([
      ['consent-mandate-verified', 1],
      ['consent-suspended', 1],
      ['message-released', 1],
      ['consent-requested', 0],
    ]);
    expect(words[2]).toMatchObject({ consentId: id, sender: 'H-07', recipient: 'K-235', subject });
    expect(new Set(words.map(({ eventId }) => eventId)).size).toBe(4);
  });

  it.each([1, 2, 3])('is listed in pages of %d without a gap or a repetition', async (limit) => {
    expect(await all(limit)).toEqual(await all(500));
  });

  it('goes on from the end of the log, also where nothing about consents was appended since', async () => {
    const { next } = await list.listConsentWords({ from: 0n, limit: 500, withStatements: false });
    const after = { from: next, limit: 500, withStatements: false };
    expect(await list.listConsentWords(after)).toEqual({ words: [], next, more: false });
    await log(id, 'consent-resumed');
    expect((await list.listConsentWords(after)).words).toMatchObject([{ type: 'consent-resumed', consentId: id }]);
  });

  it('names links and exclusions too, with the statement by which each came to be where that is asked for', async () => {
    const { next } = await list.listConsentWords({ from: 0n, limit: 500, withStatements: false });
    const earlier = `p1.${'E'.repeat(42)}A` as Pseudonym;
    const said = { agency: municipality.id, worker: 'w-1', jti: newEventId(), iat: numericDate(new Date()) };
    const token = await signStatement('subject-link', { v: 1, subject, earlier, ...said }, municipality.signing);
    const record = {
      ...emptyRecord(),
      type: 'subject-linked',
      sender: municipality.id,
      subjects: [subject, earlier],
      evidence: [{ kind: 'subject-link', token }],
    };
    await audit.appender.append(plainProposal([unwrap(await audit.preparer.prepare(record, topics.consentEvents))]));
    const told = { type: 'subject-linked', subjects: [subject, earlier], sender: municipality.id, consentId: '' };
    const without = await list.listConsentWords({ from: next, limit: 500, withStatements: false });
    expect(without.words).toMatchObject([{ ...told, statement: '', statementHash: '' }]);
    const { words } = await list.listConsentWords({ from: next, limit: 500, withStatements: true });
    expect(words).toMatchObject([{ ...told, statement: token, statementHash: statementHash(token) }]);
  });
});
