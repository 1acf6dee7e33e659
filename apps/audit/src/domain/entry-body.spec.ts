import { describe, expect, it } from '@jest/globals';
import { LogRecord } from '#contracts';
import { sha256, unwrap } from '#kernel';
import { bodyMembers } from './entry-body.js';

const hub = { evidence: {}, assertedBy: 'hub' } as const;
const at = new Date('2026-03-02T10:00:00.123Z');
const record = (members: Partial<LogRecord>): LogRecord => ({
  ...LogRecord.fromPartial({ eventId: 'e', type: 'message-accepted', at }),
  ...members,
});

describe('the body of an entry', () => {
  it('leaves out what the record leaves empty', () => {
    expect(unwrap(bodyMembers(record({}), hub))).toEqual({
      v: 1,
      eventId: 'e',
      type: 'message-accepted',
      at: '2026-03-02T10:00:00.123Z',
      assertedBy: 'hub',
    });
  });

  it('says who, whom, about whom, what, why and with which evidence', () => {
    const members = bodyMembers(
      record({
        exchangeNumber: 3,
        sender: 'K-235',
        recipient: 'H-03',
        actorAgency: 'K-235',
        actorWorker: 'w-1',
        subjects: ['p1.x'],
        categories: [12, 3],
        basisJson: '[{"categories":[3]}]',
        purpose: 'plan',
        consentId: 'c',
        consentVersion: 2,
      }),
      { evidence: { manifest: sha256('m') }, assertedBy: 'agency' },
    );
    expect(unwrap(members)).toMatchObject({
      seq: 3,
      actor: { agency: 'K-235', worker: 'w-1' },
      categories: [3, 12],
      basis: [{ categories: [3] }],
      consent: { id: 'c', version: 2 },
      evidence: { manifest: sha256('m') },
      assertedBy: 'agency',
    });
  });

  it('leaves out a basis of no items', () => {
    expect(unwrap(bodyMembers(record({ basisJson: '[]' }), hub))).not.toHaveProperty('basis');
  });

  it.each([
    ['a basis that is no JSON', { basisJson: '[' }],
    ['no time', { at: undefined }],
  ])('refuses %s', (_name, members) => {
    expect(bodyMembers(record(members), hub)).toMatchObject({ ok: false, error: { code: 'MALFORMED' } });
  });
});
