import { readStatement } from '#envelope';
import type { KnownConsent } from '../domain/judge-basis.js';
import { member } from '../hub-client/hub-http.js';

/** The hub's list of consents about a subject. What cannot be read is left out. */
export function knownConsents(answer: unknown): KnownConsent[] {
  const consents = member(answer, 'consents');
  if (!Array.isArray(consents)) return [];
  return (consents as unknown[]).flatMap((consent) => {
    const token = member(consent, 'record');
    const state = member(consent, 'state');
    if (typeof token !== 'string' || typeof state !== 'string') return [];
    const read = readStatement('consent', token);
    if (!read.ok) return [];
    const { payload } = read.value;
    return [{ id: payload.id, version: payload.version, record: payload, token, state }];
  });
}
