import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type HubAgency, byConsent, statute } from './hub-agency.js';
import { type RunningHub, startTestHub } from './running-hub.js';

describe('one sealed request through the hub', () => {
  let running: RunningHub | undefined;
  let municipality: HubAgency;
  let county: HubAgency;

  beforeAll(async () => {
    const hub = (running = await startTestHub());
    [municipality, county] = await Promise.all([hub.agency('K-235'), hub.agency('H-03')]);
  }, 120_000);

  afterAll(() => running?.stop());

  it('is accepted, delivered, released with a receipt, and opened as it was sealed', async () => {
    const consent = await municipality.recordConsent({ disclosers: [county.id] });
    const context = municipality.context(county, 'request', {
      categories: [11, 12],
      basis: [statute([11]), byConsent([12], consent)],
    });
    const sealed = await municipality.seal(county, context, { type: 'test', text: 'as it was sealed' });

    expect((await municipality.post(sealed)).status).toBe(202);
    const { message } = await county.mailUntil(county.message(sealed.manifestHash));
    const { released } = await county.release(sealed.manifestHash);
    const opened = await county.open(municipality, message!, released!);

    expect(opened.content).toEqual({ type: 'test', text: 'as it was sealed' });
    expect(opened.context).toEqual(context);
    await municipality.mailUntil(municipality.notice('accepted', context.messageId));
  });

  it('is not released once the consent is withdrawn, and both sides are told', async () => {
    const consent = await municipality.recordConsent({ disclosers: [county.id] });
    const context = municipality.context(county, 'request', { categories: [12], basis: [byConsent([12], consent)] });
    const sealed = await municipality.seal(county, context);
    await municipality.post(sealed);
    await county.mailUntil(county.message(sealed.manifestHash));

    await municipality.withdraw(consent);
    const { refused } = await county.release(sealed.manifestHash);

    expect(refused?.code).toMatch(/^(CONSENT_WITHDRAWN|MESSAGE_FINAL)$/);
    await municipality.mailUntil(municipality.notice('withdrawn', context.messageId));
  });
});
