import { readFile } from 'node:fs/promises';
import {
  importVerificationKey,
  readConsentJsonLd,
  readStatement,
  verifyConsentJsonLd,
  verifyStatement,
} from '#envelope';
import { AppError, type Result } from '#kernel';
import { type CommandOutcome, UsageError } from '../domain/command-outcome.js';

/**
 * Does a consent, exported as JWS or as JSON-LD, bear the signature of this key, and do the terms say what was signed? Needs
 * neither network nor hub. That the key is the agency's is for the log to show: its thumbprint is printed.
 *
 * @param file JWS, JSON-LD, or an agent's export with either
 * @param keyFile public JWK of the collecting agency's signing key
 */
export async function verifyConsent(file: string, keyFile: string): Promise<CommandOutcome> {
  const key = await importVerificationKey(parsed(await readFile(keyFile, 'utf8'), '--key'));
  if (!key.ok) throw new UsageError('--key: is no public signing key of the profile');
  const text = (await readFile(file, 'utf8')).trim();
  const exported: unknown = text.startsWith('{') ? parsed(text, 'FILE') : { token: text };
  const token = member(exported, 'token');
  const document = member(exported, 'document') ?? exported;
  const read = typeof token === 'string' ? readStatement('consent', token) : readConsentJsonLd(document);
  const verified =
    typeof token === 'string'
      ? await verifyStatement('consent', token, key.value)
      : await verifyConsentJsonLd(document, key.value);
  const thumbprint = key.value.kid;
  if (!verified.ok) return failure(verified, read.ok ? read.value.kid : undefined, thumbprint);
  const { id, version, collectingAgency, grants, validFrom, validUntil } = verified.value;
  return {
    ok: true,
    data: { consentId: id, version, collectingAgency, grants, validFrom, validUntil, key: thumbprint },
    lines: [
      `Verified: consent ${id}, version ${version}, as ${collectingAgency} signed it.`,
      `Key ${thumbprint}: compare it with the key of ${collectingAgency} in the log.`,
      ...grants.map(
        ({ category, disclosers, recipients }) =>
          `category ${category}: ${disclosers.join(', ')} → ${recipients.join(', ')}`,
      ),
      `from ${validFrom} until ${validUntil}; whether it was withdrawn since stands in the log, not here`,
    ],
  };
}

function failure(refused: Result<unknown>, signedBy: string | undefined, key: string): CommandOutcome {
  const error = refused.ok ? new AppError('INTERNAL') : refused.error;
  const other = signedBy !== undefined && signedBy !== key ? ` It names key ${signedBy}, not ${key}.` : '';
  return {
    ok: false,
    data: { code: error.code, signedBy, key },
    lines: [`FAULT ${error.code}: ${error.message}${other}`],
  };
}

const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;

function parsed(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError(`${what}: is no JSON`);
  }
}
