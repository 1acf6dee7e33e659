import { describe, expect, it } from '@jest/globals';
import { topics } from '#contracts';
import { mayWrite } from './entry-types.js';

describe('who may say what', () => {
  it.each([
    [topics.exchangeEvents, 'message-accepted'],
    [topics.exchangeEvents, 'exchange-answered'],
    [topics.consentEvents, 'consent-withdrawn'],
    [topics.directoryEvents, 'key-published'],
    [topics.directoryEvents, 'agency-status'],
    [topics.directoryEvents, 'catalogue'],
    [topics.gatewayRefusals, 'edge-refused'],
  ])('%s brings %s', (topic, type) => {
    expect(mayWrite(topic, type)).toBe(true);
  });

  it.each([
    [topics.exchangeEvents, 'message-released'],
    [topics.exchangeEvents, 'message-re-released'],
    [topics.exchangeEvents, 'release-refused'],
    [topics.exchangeEvents, 'message-mismatch'],
    [topics.exchangeEvents, 'consent-recorded'],
    [topics.exchangeEvents, 'consent-resumed'],
    [topics.consentEvents, 'message-accepted'],
    [topics.directoryEvents, 'hub-key'],
    [topics.directoryEvents, 'message-accepted'],
    [topics.directoryEvents, 'consent-recorded'],
    [topics.gatewayRefusals, 'message-accepted'],
    [topics.gatewayRefusals, 'log-search'],
    [topics.auditEvents, 'message-accepted'],
    [topics.submissions, 'message-accepted'],
  ])('%s does not bring %s', (topic, type) => {
    expect(mayWrite(topic, type)).toBe(false);
  });
});
