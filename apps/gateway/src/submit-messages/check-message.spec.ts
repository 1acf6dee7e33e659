import { beforeAll, describe, expect, it } from '@jest/globals';
import { generateSigningKey, type MessageContext, type SealedMessage } from '#envelope';
import { agencyId, numericDate } from '#kernel';
import type { DirectoryView } from '#platform';
import { checkMessage, type SealedParts } from './check-message.js';
import { NoticeSender, now, sender } from './sealed-notice.fixture.js';

describe('a message at the edge', () => {
  let agency: NoticeSender;
  beforeAll(async () => {
    agency = await NoticeSender.create();
  });

  const codeOf = async (parts: SealedParts, directory: DirectoryView = agency.directory(), caller = sender) => {
    const checked = await checkMessage(parts, caller, directory, now);
    return checked.ok ? 'ok' : checked.error.code;
  };
  const seconds = numericDate(now);

  it('is taken when the caller signed it with a logged key and all parts belong together', async () => {
    const message = await agency.seal();
    const checked = await checkMessage(message, sender, agency.directory(), now);
    expect(checked).toMatchObject({
      ok: true,
      value: { manifestHash: message.manifestHash, context: message.context },
    });
  });

  it('is the caller’s own', async () => {
    expect(await codeOf(await agency.seal(), agency.directory(), agencyId('H-03'))).toBe('SENDER_MISMATCH');
  });

  it('is signed by a logged key', async () => {
    expect(await codeOf(await agency.seal({}, await generateSigningKey()))).toBe('SIGNATURE_INVALID');
  });

  it('is not signed by a key for something else', async () => {
    expect(await codeOf(await agency.seal(), agency.directory({ use: 'client-auth' }))).toBe('SIGNATURE_INVALID');
  });

  it.each([
    ['revoked', { revokedAt: now }],
    ['past', { notAfter: now }],
    ['not yet valid', { notBefore: new Date(now.getTime() + 1) }],
  ])('is not signed by a key that is %s', async (_what, key) => {
    expect(await codeOf(await agency.seal(), agency.directory(key))).toBe('KEY_REVOKED');
  });

  it.each<[string, Partial<MessageContext>, string]>([
    ['inside the skew after its end', { iat: seconds - 600, exp: seconds - 59 }, 'ok'],
    ['beyond the skew after its end', { iat: seconds - 600, exp: seconds - 60 }, 'MESSAGE_EXPIRED'],
    ['inside the skew before its time', { iat: seconds + 60 }, 'ok'],
    ['beyond the skew before its time', { iat: seconds + 61 }, 'IAT_IN_FUTURE'],
  ])('is judged by its times: %s', async (_what, times, code) => {
    expect(await codeOf(await agency.seal(times))).toBe(code);
  });

  it.each<[string, string, (message: SealedMessage, other: SealedMessage) => SealedParts]>([
    ['outer of another', 'HASH_MISMATCH', (message, { outer }) => ({ ...message, outer })],
    ['capsule of another', 'HASH_MISMATCH', (message, { capsule }) => ({ ...message, capsule })],
    ['outer for a capsule', 'TYP_MISMATCH', (message) => ({ ...message, capsule: message.outer })],
    [
      'signature of another',
      'SIGNATURE_INVALID',
      (message, { manifest }) => ({
        ...message,
        manifest: [...message.manifest.split('.').slice(0, 2), manifest.split('.')[2]].join('.'),
      }),
    ],
    ['token that is none', 'MALFORMED', (message) => ({ ...message, manifest: 'x' })],
    ['line break', 'TOKEN_CHARACTERS', (message) => ({ ...message, manifest: `${message.manifest}\n` })],
    ['size beyond the limit', 'CONTENT_TOO_LARGE', (message) => ({ ...message, outer: 'A'.repeat(128 * 1024) })],
  ])('with a %s is refused', async (_what, code, changed) => {
    expect(await codeOf(changed(await agency.seal(), await agency.seal()))).toBe(code);
  });
});
