import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type ReportDecision, parseLogBody, signStatement } from '#envelope';
import { type Pseudonym, newEventId, numericDate, systemClock, unwrap } from '#kernel';
import { prepareOpaque } from '../append-entries/prepared-entry.js';
import { plainProposal } from '../append-entries/proposal.js';
import { AuditGround, AuditInstance } from '../testing/audit.fixture.js';
import { type Party, directoryOf, party } from '../testing/parties.fixture.js';
import { RecordReportController } from './record-report.controller.js';

const subject = `p1.${'A'.repeat(43)}` as Pseudonym;

describe('an agency’s word about a client’s account', () => {
  let ground: AuditGround;
  let audit: AuditInstance;
  let agency: Party;
  let other: Party;
  let controller: RecordReportController;

  beforeAll(async () => {
    ground = await AuditGround.lay();
    [agency, other] = await Promise.all([party('H-03'), party('K-235')]);
    audit = await AuditInstance.start(ground, directoryOf([agency, other]));
    controller = new RecordReportController(
      audit.appender,
      audit.keys,
      ground.kek,
      systemClock,
      audit.database,
      audit.openings,
    );
  });
  afterAll(async () => {
    await audit.stop();
    await ground.clear();
  });

  const given = (): ReportDecision => ({
    eventId: newEventId(),
    agency: agency.id,
    subject,
    outcome: 'given',
    worker: 'w-17',
    iat: numericDate(new Date()),
  });
  const refused = (): ReportDecision => ({
    ...given(),
    outcome: 'refused',
    ground: 'danger',
    provision: '1050/2018-34',
  });
  const signed = (decision: ReportDecision, signer = agency): Promise<string> =>
    signStatement('report-decision', decision, signer.signing);
  const record = async (token: string, caller = agency): Promise<number> =>
    Number((await controller.recordReport({ agency: caller.id, decision: token })).leafIndex);

  it('stands in the log with its ground, about its client, in the agency’s own name', async () => {
    const leaf = await record(await signed(refused()));
    const opened = (await audit.openings.read([leaf])).get(leaf);
    expect(JSON.parse(opened?.body ?? '')).toMatchObject({
      type: 'report-refused',
      actor: { agency: 'H-03', worker: 'w-17' },
      subjects: [subject],
      purpose: 'danger',
      assertedBy: 'agency',
    });
  });

  it('stands there once, however often it is sent', async () => {
    const token = await signed(given());
    const leaf = await record(token);
    expect(await record(token)).toBe(leaf);
    const opened = (await audit.openings.read([leaf])).get(leaf);
    expect(JSON.parse(opened?.body ?? '')).toMatchObject({ type: 'report-given', subjects: [subject] });
  });

  it('is answered with the looks in an emergency at entries about the client that are the agency’s too, and with no others', async () => {
    const shown = async (told: Party, about: Pseudonym): Promise<number> => {
      const body = {
        v: 1,
        eventId: newEventId(),
        type: 'break-glass-shown',
        at: '2026-11-26T10:00:00Z',
        actor: { agency: 'T-01', worker: 'w-9' },
        subjects: [about],
        purpose: 'data-breach',
        assertedBy: 'hub',
      };
      const entry = prepareOpaque(unwrap(parseLogBody(body)), ground.kek, { told: [told.id] });
      return (await audit.appender.append(plainProposal([entry]))).leaves[0]!;
    };
    const ours = await shown(agency, subject);
    await shown(other, subject);
    await shown(agency, `p1.${'B'.repeat(43)}` as Pseudonym);
    const answer = async (said: ReportDecision) =>
      (await controller.recordReport({ agency: agency.id, decision: await signed(said) })).emergencyLooks;
    expect(await answer(given())).toEqual([
      { at: new Date('2026-11-26T10:00:00Z'), agency: 'T-01', type: 'break-glass-shown', leafIndex: BigInt(ours) },
    ]);
    expect(await answer(refused())).toEqual([]);
  });

  it('is refused in another’s name, under another’s key, and without the ground of a refusal', async () => {
    await expect(record(await signed(refused()), other)).rejects.toMatchObject({ code: 'SENDER_MISMATCH' });
    await expect(record(await signed(refused(), other))).rejects.toThrow();
    await expect(record(await signed({ ...given(), outcome: 'refused' }))).rejects.toMatchObject({ code: 'MALFORMED' });
  });
});
