import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { topics } from '#contracts';
import { statementHash } from '#envelope';
import { newConsentId, newExchangeId, unwrap } from '#kernel';
import { plainProposal } from '../append-entries/proposal.js';
import { LeafOpenings } from '../infra/leaf-openings.js';
import { AuditGround, AuditInstance, emptyRecord, releaseItem } from '../testing/audit.fixture.js';
import { askedBy, looksOf } from '../testing/looks.fixture.js';
import {
  type Party,
  type SealedFor,
  consentStatement,
  directoryOf,
  party,
  sealedMessage,
} from '../testing/parties.fixture.js';
import { ShowTransferController } from './show-transfer.controller.js';

describe('the evidence of a transfer', () => {
  let ground: AuditGround;
  let audit: AuditInstance;
  let sender: Party;
  let recipient: Party;
  let auditors: Map<string, Party>;
  let controller: ShowTransferController;
  let message: SealedFor;
  const consentId = newConsentId();

  beforeAll(async () => {
    ground = await AuditGround.lay();
    [sender, recipient] = await Promise.all([party('H-03'), party('K-235')]);
    const [third, ombudsman] = await Promise.all([party('L-KELA'), party('A-TSV')]);
    const parties = [sender, recipient, third, ombudsman];
    auditors = new Map(parties.map((one) => [one.id, one]));
    audit = await AuditInstance.start(ground, directoryOf(parties));
    const looks = looksOf(parties, { appender: audit.appender, kek: ground.kek });
    controller = new ShowTransferController(audit.database, audit.openings, looks);
    const consent = {
      ...emptyRecord(),
      type: 'consent-recorded',
      consentId,
      consentVersion: 1,
      actorAgency: sender.id,
      evidence: [{ kind: 'consent', token: await consentStatement(sender, consentId) }],
    };
    const prepared = unwrap(await audit.preparer.prepare(consent, topics.consentEvents));
    await audit.appender.append(plainProposal([prepared]));
    message = await sealedMessage(sender, recipient, ground.releaseKey, {
      categories: [12],
      basis: [
        {
          categories: [12],
          processing: { sender: '681/2023-86', recipient: '681/2023-86' },
          secrecyLift: { consent: { id: consentId, version: 1 } },
        },
      ],
    });
    await audit.release(await releaseItem(ground, recipient, message));
  });
  afterAll(async () => {
    await audit.stop();
    await ground.clear();
  });

  const show = async (agency: string, supervising = false, exchangeId: string = message.context.exchangeId) => {
    const call = `GET /v1/audit/transfers/${exchangeId}`;
    const { look } = await askedBy(auditors.get(agency)!, { call }, { all: supervising });
    return controller.showTransfer({ agency, supervising, look, exchangeId, from: 0n });
  };
  const shown = async (agency: string, supervising = false) =>
    (await show(agency, supervising)).entries.map(({ entry, evidence }) => ({
      body: JSON.parse(entry?.body ?? '') as { type: string; evidence?: Record<string, string> },
      tokens: Object.fromEntries(evidence.map(({ kind, token }) => [kind, token])),
    }));

  it('has each signed statement that an entry names, by the hash in its body', async () => {
    const entries = await shown(recipient.id);
    expect(entries.map(({ body }) => body.type)).toEqual(['message-accepted', 'message-released']);
    for (const { body, tokens } of entries)
      for (const [kind, token] of Object.entries(tokens)) expect(statementHash(token)).toBe(body.evidence?.[kind]);
    expect(entries.map(({ tokens }) => Object.keys(tokens))).toEqual([['manifest'], ['permit', 'release-request']]);
  });

  it('has the entries of the consent that it rests on, for whom they concern', async () => {
    const entries = await shown('A-TSV', true);
    expect(entries.map(({ body }) => body.type)).toEqual(['consent-recorded', 'message-accepted', 'message-released']);
    expect(entries[0]?.tokens).toHaveProperty('consent');
  });

  it('is for its parties and supervising authorities: others learn not even that there was one', async () => {
    await expect(show('L-KELA')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(show('L-KELA', false, newExchangeId())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(show(recipient.id, true)).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });

  it('is itself logged, also where nothing was found', async () => {
    const { checkpoint } = audit.appender.current();
    await expect(show('L-KELA')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const opened = await audit.openings.read([checkpoint.size]);
    expect(JSON.parse(opened.get(checkpoint.size)?.body ?? '')).toMatchObject({
      type: 'log-search',
      actor: { agency: 'L-KELA' },
      search: { scope: 'own', query: { evidenceOf: message.context.exchangeId }, found: 0 },
    });
  });

  it('is a look that stands in the chain of each person whom it shows', async () => {
    const { checkpoint } = audit.appender.current();
    await show('A-TSV', true);
    const opened = await audit.openings.read([checkpoint.size]);
    expect(JSON.parse(opened.get(checkpoint.size)?.body ?? '')).toMatchObject({
      type: 'log-search',
      subjects: message.context.subjects,
    });
  });

  it('does not open under another key than the one that wraps the secrets', async () => {
    const other = await AuditGround.lay();
    try {
      const blind = new LeafOpenings(audit.database, other.kek, audit.logger);
      expect((await blind.evidence([0, 1, 2, 3])).size).toBe(0);
    } finally {
      await other.clear();
    }
  });
});
