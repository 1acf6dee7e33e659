import {
  type ConsentRecord,
  type LogBody,
  type LoggedKeys,
  type Manifest,
  type VerificationKey,
  importVerificationKey,
  permitRefusalKid,
  readManifest,
  readPermit,
  readReleaseRequest,
  readStatement,
  statementHash,
  verifyManifest,
  verifyPermit,
  verifyPermitRefusal,
  verifyReleaseRequest,
  verifyStatement,
} from '#envelope';
import { AppError, type Result, type Thumbprint, canonicalJson, err, ok } from '#kernel';
import type { EvidenceFaultKind } from '../domain/evidence-fault.js';

/** A statement that its entry names and that a key in the log signed. */
export interface ProvedStatement {
  /** Index of the entry that names it. */
  readonly index: number;
  readonly kind: string;
  readonly hash: string;
  /** An agency, or a service of the hub. */
  readonly signer: string;
  readonly kid: Thumbprint;
  readonly manifest?: Manifest;
  readonly consent?: ConsentRecord;
}

type Checked = { readonly proved: ProvedStatement } | { readonly fault: EvidenceFaultKind; readonly detail: string };

interface Entry {
  readonly index: number;
  readonly body: LogBody;
}

/**
 * Kinds of the statements that must lie beside an entry: those that it names, but a manifest only with the entry that says
 * whether the hub took the message, and none with the refusal of what nobody's signature carried.
 */
export function statementsOf({ type, evidence = {}, assertedBy }: LogBody): string[] {
  if (type === 'release-refused' && assertedBy === 'hub') return [];
  const first = type === 'message-accepted' || type === 'message-rejected';
  return Object.keys(evidence)
    .filter((kind) => first || kind !== 'manifest')
    .sort();
}

/** Is it what the entry names, signed by whom it should be with a key of that time, and does it say the same as the entry? */
export async function checkStatement(kind: string, token: string, entry: Entry, keys: LoggedKeys): Promise<Checked> {
  const { index, body } = entry;
  const hash = statementHash(token);
  const named = body.evidence?.[kind];
  if (hash !== named) {
    const foreign = await foreignPermit(kind, token, entry, keys);
    return (
      foreign ?? { fault: 'statement-changed', detail: `It is not the ${kind} that entry ${index} names by its hash.` }
    );
  }
  const proved = { index, kind, hash };
  const at = new Date(body.at);
  switch (kind) {
    case 'manifest':
      return manifestOf(token, entry, keys, proved);
    case 'release-request': {
      const read = readReleaseRequest(token);
      if (!read.ok) return signature(read.error);
      const key = await keys.signingKey(read.value.agency, read.value.kid, at);
      const verified = key.ok ? await verifyReleaseRequest(token, key.value) : key;
      if (!verified.ok) return signature(verified.error);
      const fits = verified.value.manifestHash === body.manifestHash && verified.value.agency === body.recipient;
      if (!fits) return { fault: 'request-of-another-message', detail: 'It asks for another message.' };
      return { proved: { ...proved, signer: read.value.agency, kid: read.value.kid } };
    }
    case 'permit':
    case 'permit-refusal': {
      const kid = permitKid(kind, token);
      const key = kid.ok ? await hubKeyOf(keys, kid.value, 'permit', at) : kid;
      if (!kid.ok) return signature(kid.error);
      if (!key.ok) return signature(key.error);
      const verified =
        kind === 'permit' ? await verifyPermit(token, key.value, at) : await verifyPermitRefusal(token, key.value);
      if (!verified.ok) return signature(verified.error);
      const { manifestHash, releaseRequestHash } = verified.value;
      if (manifestHash !== body.manifestHash || releaseRequestHash !== body.evidence?.['release-request'])
        return { fault: 'permit-of-another-message', detail: 'It permits another message or another request.' };
      return { proved: { ...proved, signer: 'consent', kid: kid.value } };
    }
    case 'outcome': {
      const read = readStatement('outcome', token);
      if (!read.ok) return signature(read.error);
      const key = await hubKeyOf(keys, read.value.kid, 'outcome', at);
      const verified = key.ok ? await verifyStatement('outcome', token, key.value) : key;
      if (!verified.ok) return signature(verified.error);
      return verified.value.exchangeId === body.exchangeId
        ? { proved: { ...proved, signer: 'exchange', kid: read.value.kid } }
        : { fault: 'statement-differs', detail: 'It is about another exchange.' };
    }
    case 'consent': {
      const read = readStatement('consent', token);
      if (!read.ok) return signature(read.error);
      const { collectingAgency } = read.value.payload;
      const key = await keys.signingKey(collectingAgency, read.value.kid, at);
      const verified = key.ok ? await verifyStatement('consent', token, key.value) : key;
      if (!verified.ok) return signature(verified.error);
      return verified.value.id === body.consent?.id
        ? { proved: { ...proved, signer: collectingAgency, kid: read.value.kid, consent: verified.value } }
        : { fault: 'statement-differs', detail: 'It is another consent.' };
    }
    case 'consent-act': {
      const read = readStatement('consent-act', token);
      if (!read.ok) return signature(read.error);
      const { agency, consentId } = read.value.payload;
      const key = await keys.signingKey(agency, read.value.kid, at);
      const verified = key.ok ? await verifyStatement('consent-act', token, key.value) : key;
      if (!verified.ok) return signature(verified.error);
      return consentId === body.consent?.id
        ? { proved: { ...proved, signer: agency, kid: read.value.kid } }
        : { fault: 'statement-differs', detail: 'It acts on another consent.' };
    }
    default:
      return { fault: 'statement-differs', detail: `Statements of kind ${kind} are none of a transfer.` };
  }
}

async function manifestOf(
  token: string,
  { body }: Entry,
  keys: LoggedKeys,
  proved: Pick<ProvedStatement, 'index' | 'kind' | 'hash'>,
): Promise<Checked> {
  const read = readManifest(token);
  if (!read.ok) return signature(read.error);
  const { context, kid } = read.value;
  const key = await keys.signingKey(context.sender, kid, new Date(body.at));
  const verified = key.ok ? await verifyManifest(token, key.value) : key;
  if (!verified.ok) return signature(verified.error);
  const pairs: readonly (readonly [unknown, unknown])[] = [
    [body.manifestHash, verified.value.manifestHash],
    [body.exchangeId, context.exchangeId],
    [body.messageId, context.messageId],
    [body.sender, context.sender],
    [body.recipient, context.recipient],
    [body.purpose, context.purpose],
    [body.subjects, context.subjects],
    [body.categories, context.categories],
    [body.basis, context.basis],
  ];
  const differs = pairs.some(([said, signed]) => said !== undefined && canonicalJson(said) !== canonicalJson(signed));
  if (differs) return { fault: 'statement-differs', detail: 'The entry says something else than its sender signed.' };
  return { proved: { ...proved, signer: context.sender, kid, manifest: verified.value } };
}

function permitKid(kind: 'permit' | 'permit-refusal', token: string): Result<Thumbprint> {
  if (kind === 'permit-refusal') return permitRefusalKid(token);
  const read = readPermit(token);
  return read.ok ? ok(read.value.kid) : read;
}

/** A permit with a right signature that belongs elsewhere is called what it is. */
async function foreignPermit(
  kind: string,
  token: string,
  { body }: Entry,
  keys: LoggedKeys,
): Promise<Checked | undefined> {
  const permit = kind === 'permit' ? readPermit(token) : undefined;
  if (!permit?.ok || permit.value.manifestHash === body.manifestHash) return undefined;
  const signedAt = new Date(permit.value.iat * 1_000);
  const key = await hubKeyOf(keys, permit.value.kid, 'permit', signedAt);
  return key.ok && (await verifyPermit(token, key.value, signedAt)).ok
    ? { fault: 'permit-of-another-message', detail: 'It is a permit of consent, for another message.' }
    : undefined;
}

async function hubKeyOf(
  keys: LoggedKeys,
  kid: Thumbprint,
  use: 'permit' | 'outcome',
  at: Date,
): Promise<Result<VerificationKey>> {
  const key = keys.hubKey(kid);
  if (key?.use !== use) return err(new AppError('KEY_NOT_LOGGED'));
  if (at >= key.useUntil) return err(new AppError('KEY_REVOKED'));
  return importVerificationKey(key.jwk);
}

function signature({ code, detail }: AppError): { readonly fault: EvidenceFaultKind; readonly detail: string } {
  if (code === 'KEY_NOT_LOGGED')
    return { fault: 'key-not-in-log', detail: 'The key that signed it is none of those shown in the log.' };
  if (code === 'KEY_REVOKED')
    return { fault: 'key-not-valid', detail: 'The key that signed it did not count at that time.' };
  return { fault: 'signature-invalid', detail };
}
