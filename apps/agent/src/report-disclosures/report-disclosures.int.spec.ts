import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { disclosureReportSchema } from '#disclosure-report';
import { readStatement } from '#envelope';
import { unwrap } from '#kernel';
import { ask, client, exchangeAt, officer, requestAt } from '../fake-hub/case.fixture.js';
import { FakeHub } from '../fake-hub/fake-hub.fixture.js';
import { bodyOf, TestAgent } from '../fake-hub/test-agent.fixture.js';

interface Report {
  readonly code?: string;
  readonly period: { readonly from: string; readonly until: string };
  readonly disclosures: Record<string, unknown>[];
  readonly processing: Record<string, unknown>[];
}

const shape = new Ajv2020({ strict: true });
formats.default(shape);
const fits = shape.compile(disclosureReportSchema);
const yearsAgo = (years: number): string => `${new Date().getUTCFullYear() - years}-01-15`;
const father = { type: 'provisional', value: 'ISA-1', name: 'Isä Testi' };

describe('the client’s account of disclosures', () => {
  let hub: FakeHub;
  let agent: TestAgent;
  let exchangeId: string;

  const post = <T = Report>(agency: string, path: string, body: object): Promise<T> =>
    bodyOf(agent.system(agency).post(`/v1/clients/disclosure-report${path}`, body));
  const lastDecision = () => unwrap(readStatement('report-decision', hub.reports.at(-1) ?? '')).payload;

  beforeAll(async () => {
    hub = await FakeHub.start();
    agent = await TestAgent.start(hub, [{ id: 'K-235' }, { id: 'H-03', pseudonymKeyFrom: ['K-235'] }]);
    await agent.onboardAll();
    exchangeId = await ask(agent, 'H-03', [11]);
    const { messageId } = await requestAt(agent, 'H-03', exchangeId);
    await bodyOf(
      agent.system('H-03').post(`/v1/inbox/${messageId}/answer`, {
        person: officer,
        items: [{ category: 11, outcome: 'given', content: { client: true } }],
      }),
    );
    await exchangeAt(agent, 'K-235', exchangeId, ({ state }) => state === 'answered');
  });
  afterAll(async () => {
    await agent?.close();
    await hub?.close();
  });

  it('says who got what from whom, on which basis, for which purpose and when, in its documented shape', async () => {
    const report = await post('K-235', '', { client });
    expect(report.disclosures).toMatchObject([
      { exchangeId, from: 'H-03', to: 'K-235', categories: [11], opened: true, purpose: expect.any(String) },
    ]);
    expect(report.processing).toContainEqual(expect.objectContaining({ what: 'opened', agency: 'K-235' }));
    expect(fits(report) ? [] : fits.errors).toEqual([]);
  });

  it('names staff in a county’s own account and in no other', async () => {
    const looked = async (agency: string, worker: string): Promise<Report> => {
      await bodyOf(agent.system(agency).get(`/v1/exchanges/${exchangeId}`).set('kotovayla-worker', worker));
      return post(agency, '', { client });
    };
    const [county, municipality] = [await looked('H-03', 'Siiri Sosiaali'), await looked('K-235', 'Kalle Kunta')];
    expect(county.processing).toContainEqual(
      expect.objectContaining({ what: 'looked', agency: 'H-03', staff: 'Siiri Sosiaali' }),
    );
    expect(municipality.processing).toContainEqual(expect.objectContaining({ what: 'looked', agency: 'K-235' }));
    expect(municipality.processing.every((line) => !('staff' in line))).toBe(true);
    expect(JSON.stringify(municipality)).not.toContain('Kalle Kunta');
    expect(JSON.stringify(municipality)).not.toContain('Siiri Sosiaali');
  });

  it('goes back further than two years in a county’s own log only with a reason, which stands in it', async () => {
    const from = yearsAgo(4);
    expect((await post('H-03', '', { client, from })).code).toBe('REPORT_REASON_NEEDED');
    const reason = 'Korvausasia vuodelta 2022';
    expect(await post('H-03', '', { client, from, reason })).toMatchObject({ reason });
    expect((await post('K-235', '', { client, from })).code).toBeUndefined();
    expect(Date.parse((await post('H-03', '', { client })).period.from)).toBeGreaterThan(
      Date.now() - 3 * 366 * 86_400_000,
    );
  });

  it('shows what lies in its period and nothing else', async () => {
    const report = await post('K-235', '', { client, from: yearsAgo(3), until: yearsAgo(2) });
    expect(report).toMatchObject({ disclosures: [], processing: [] });
    expect((await post('K-235', '', { client, from: yearsAgo(2), until: yearsAgo(3) })).code).toBe('MALFORMED');
  });

  it('names no agency to another reader of a protected client’s account, and does not say why', async () => {
    await bodyOf(agent.system('K-235').post('/v1/clients/protection', { client, protected: true }));
    try {
      const report = await post('K-235', '', { client, reader: father });
      expect(report).toMatchObject({ namesWithheld: true });
      expect(report).not.toHaveProperty('madeBy');
      expect(JSON.stringify(report)).not.toMatch(/K-235|H-03|turva|protect/i);
      expect(fits(report) ? [] : fits.errors).toEqual([]);
      expect(await post('K-235', '', { client })).toMatchObject({ namesWithheld: false });
    } finally {
      await bodyOf(agent.system('K-235').post('/v1/clients/protection', { client, protected: false }));
    }
  });

  it('is a tagged PDF in the client’s language', async () => {
    for (const language of ['fi', 'ar', 'uk']) {
      const answer = await agent
        .system('K-235')
        .post('/v1/clients/disclosure-report/pdf', { client, language })
        .buffer(true)
        .parse((response, done) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.on('end', () => done(null, Buffer.concat(chunks)));
        })
        .expect(200);
      const pdf = answer.body as Buffer;
      expect(answer.headers['content-type']).toBe('application/pdf');
      expect(pdf.subarray(0, 5).toString()).toBe('%PDF-');
      expect(pdf.includes(`/Lang (${language})`)).toBe(true);
    }
  });

  it('says who looked in an emergency at what the log has about the client, as audit tells it, and no worker', async () => {
    const at = new Date(Date.now() - 60_000).toISOString();
    hub.emergencyLooks = [{ at, agency: 'T-01', type: 'break-glass-shown', leafIndex: 7 }];
    const report = await post('H-03', '', { client });
    const line = { at, what: 'looked', agency: 'T-01', code: 'break-glass-shown', logIndex: 7 };
    expect(report.processing).toContainEqual(line);
    expect(fits(report) ? [] : fits.errors).toEqual([]);
    const earlier = await post('H-03', '', { client, until: yearsAgo(1) });
    expect(earlier.processing).toEqual([]);
    await bodyOf(agent.system('K-235').post('/v1/clients/protection', { client, protected: true }));
    try {
      const withheld = await post('K-235', '', { client, reader: father });
      expect(withheld.processing).toContainEqual({ at, what: 'looked', code: 'break-glass-shown', logIndex: 7 });
      expect(JSON.stringify(withheld)).not.toContain('T-01');
    } finally {
      await bodyOf(agent.system('K-235').post('/v1/clients/protection', { client, protected: false }));
      hub.emergencyLooks = [];
    }
  });

  it('is given only with an entry in the log, signed by the agency', async () => {
    const before = hub.reports.length;
    await post('K-235', '', { client });
    expect(hub.reports.length).toBe(before + 1);
    expect(lastDecision()).toMatchObject({ agency: 'K-235', outcome: 'given' });
  });

  it('is refused on a ground of the law only; the ground stands in the log, in no words of anybody', async () => {
    const refused = await post<Record<string, unknown>>('K-235', '/refusal', {
      client,
      ground: 'danger',
      decidedBy: 'Pekka Päättäjä',
    });
    expect(refused).toMatchObject({ ground: 'danger', provision: '1050/2018-34', told: { fi: expect.any(String) } });
    expect(lastDecision()).toMatchObject({ outcome: 'refused', ground: 'danger', provision: '1050/2018-34' });
    expect(JSON.stringify(lastDecision())).not.toContain('Pekka');
    expect(await post('K-235', '/refusal', { client, ground: 'other', decidedBy: 'X' })).toMatchObject({
      code: 'MALFORMED',
    });
  });
});
