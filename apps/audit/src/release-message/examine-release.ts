import { type AuditServiceReleaseItem, type LogRecord, topics } from '#contracts';
import {
  type EntryEvidence,
  type Manifest,
  type RecipientKey,
  type SignedReleaseRequest,
  type VerificationKey,
  capsuleKid,
  checkCapsule,
  checkPermit,
  consentsNamedBy,
  openCapsule,
  readManifest,
  readReleaseRequest,
  statementHash,
  verifyPermit,
  verifyPermitRefusal,
  verifyReleaseRequest,
} from '#envelope';
import { AppError, type Clock, type Result, type Sha256, err, numericDate, ok, sha256 } from '#kernel';
import type { PreparedEntry } from '../append-entries/prepared-entry.js';
import type { MessageFacts, PermitFacts, ReleaseCase } from '../domain/release-rules.js';
import type { AgencyKeys, SigningKeyInTime } from '../infra/agency-keys.js';
import type { ReleaseKeyring } from '../infra/release-keyring.js';
import type { RecordPreparer } from '../log-facts/prepare-record.js';
import type { EvidenceVerifier } from '../log-facts/verify-evidence.js';

/** A release request after everything that needs keys and time, before anything that needs the log. */
export interface ExaminedRelease {
  readonly case: ReleaseCase;
  /** As verified, or as it merely says where verification failed: for the entry about the refusal. */
  readonly manifest: Manifest | undefined;
  readonly request: SignedReleaseRequest | undefined;
  readonly evidence: Readonly<Record<string, Sha256>>;
  readonly tokens: EntryEvidence;
  /** There whenever the case's checks of capsule and recipient key hold. */
  readonly contentKey: Buffer | undefined;
  readonly recipientKey: RecipientKey | undefined;
  /** Entry of the accepted event; absent where it has a leaf already or is not this message's. */
  readonly accepted: PreparedEntry | undefined;
}

export interface ReleaseParts {
  readonly keys: AgencyKeys;
  readonly evidence: EvidenceVerifier;
  readonly records: RecordPreparer;
  readonly keyring: ReleaseKeyring;
  /** Pinned by configuration. */
  readonly permitKey: VerificationKey;
  readonly clock: Clock;
  readonly isLogged: (record: LogRecord) => boolean;
}

/** Nobody relies on another service's check (design 2): all of it is verified here, side by side and off the commit path. */
export async function examineRelease(item: AuditServiceReleaseItem, parts: ReleaseParts): Promise<ExaminedRelease> {
  const directory = parts.keys.directory.fresh();
  const tokens = tokensOf(item);
  const [manifest, request] = await Promise.all([verifiedManifest(item, parts), verifiedRequest(item, parts)]);
  const claimed = manifest.ok ? manifest : readManifest(item.manifest);
  const asked = request.ok ? request : readReleaseRequest(item.releaseRequest);
  const [permit, capsule, recipientKey, accepted] = await Promise.all([
    decisionOf(item, manifest, request, parts),
    openedCapsule(item, manifest, parts),
    recipientKeyOf(manifest, parts),
    acceptedOf(item, manifest, parts),
  ]);
  return {
    case: {
      directory,
      message: manifest.ok ? ok(messageFacts(manifest.value)) : manifest,
      request: requestFor(manifest, request),
      recipientKey: recipientKey.ok ? ok(undefined) : recipientKey,
      permit,
      capsule: capsule.ok ? ok({ destroyAfter: numericDate(capsule.value.destroyAfter) }) : capsule,
      accepted: accepted.ok ? ok(accepted.value.facts) : accepted,
      seenSize: Number(item.seenSize),
    },
    manifest: claimed.ok ? claimed.value : undefined,
    request: asked.ok ? asked.value : undefined,
    evidence: Object.fromEntries(Object.entries(tokens).map(([kind, token]) => [kind, statementHash(token)])),
    tokens,
    contentKey: capsule.ok ? capsule.value.contentKey : undefined,
    recipientKey: recipientKey.ok ? recipientKey.value : undefined,
    accepted: accepted.ok ? accepted.value.entry : undefined,
  };
}

type VerifiedManifest = Manifest & Pick<SigningKeyInTime, 'signable'>;

async function verifiedManifest(
  item: AuditServiceReleaseItem,
  { keys, evidence }: ReleaseParts,
): Promise<Result<VerifiedManifest>> {
  const read = readManifest(item.manifest);
  if (!read.ok) return read;
  const key = await keys.signingEver(read.value.context.sender, read.value.kid);
  if (!key.ok) return key;
  const manifest = await evidence.manifest(item.manifest, key.value.key);
  return manifest.ok ? ok({ ...manifest.value, signable: key.value.signable }) : manifest;
}

async function verifiedRequest(
  item: AuditServiceReleaseItem,
  parts: ReleaseParts,
): Promise<Result<SignedReleaseRequest>> {
  const read = readReleaseRequest(item.releaseRequest);
  if (!read.ok) return read;
  const key = await parts.keys.signing(read.value.agency, read.value.kid, parts.clock.now());
  return key.ok ? verifyReleaseRequest(item.releaseRequest, key.value) : key;
}

const messageFacts = ({ manifestHash, context, signable }: VerifiedManifest): MessageFacts => ({
  manifestHash,
  signable,
  iat: context.iat,
  exp: context.exp,
  consents: consentsNamedBy(context.basis),
});

function requestFor(
  manifest: Result<Manifest>,
  request: Result<SignedReleaseRequest>,
): Result<{ hash: Sha256; iat: number }> {
  if (!request.ok) return request;
  const { manifestHash, agency, hash, iat } = request.value;
  if (!manifest.ok) return ok({ hash, iat });
  return manifestHash === manifest.value.manifestHash && agency === manifest.value.context.recipient
    ? ok({ hash, iat })
    : err(new AppError('RELEASE_REQUEST_INVALID', 'for another message or by another agency'));
}

async function recipientKeyOf(manifest: Result<Manifest>, { keys }: ReleaseParts): Promise<Result<RecipientKey>> {
  if (!manifest.ok) return manifest;
  const { recipient, recipientKey } = manifest.value.context;
  const active = keys.active(recipient);
  return active.ok ? keys.receiving(recipient, recipientKey) : active;
}

async function decisionOf(
  { decision }: AuditServiceReleaseItem,
  manifest: Result<Manifest>,
  request: Result<SignedReleaseRequest>,
  { permitKey, clock }: ReleaseParts,
): Promise<Result<PermitFacts>> {
  if (!decision) return err(new AppError('PERMIT_INVALID', 'no permit'));
  if (!manifest.ok) return manifest;
  if (!request.ok) return request;
  const about = { manifest: manifest.value, releaseRequestHash: request.value.hash };
  if (decision.$case === 'permit') {
    const permit = await verifyPermit(decision.value, permitKey, clock.now());
    if (!permit.ok) return permit;
    const fits = checkPermit(permit.value, about);
    return fits.ok ? ok({ permitted: true, iat: permit.value.iat, exp: permit.value.exp }) : fits;
  }
  const refusal = await verifyPermitRefusal(decision.value, permitKey);
  if (!refusal.ok) return err(new AppError('PERMIT_INVALID', undefined, { reason: refusal.error.code }));
  const { manifestHash, releaseRequestHash, code, final } = refusal.value;
  return manifestHash === about.manifest.manifestHash && releaseRequestHash === about.releaseRequestHash
    ? ok({ permitted: false, code, final })
    : err(new AppError('PERMIT_INVALID', 'the refusal is for another request'));
}

async function openedCapsule(
  { capsule }: AuditServiceReleaseItem,
  manifest: Result<Manifest>,
  { keyring }: ReleaseParts,
): Promise<Result<{ contentKey: Buffer; destroyAfter: Date }>> {
  if (!manifest.ok) return manifest;
  if (sha256(capsule) !== manifest.value.capsuleHash) return err(new AppError('HASH_MISMATCH'));
  const kid = capsuleKid(capsule);
  if (!kid.ok) return kid;
  const releaseKey = keyring.find(kid.value);
  if (!releaseKey.ok) return releaseKey;
  const opened = await openCapsule(capsule, releaseKey.value.key);
  if (!opened.ok) return opened;
  const fits = checkCapsule(opened.value, manifest.value);
  return fits.ok ? ok({ contentKey: opened.value.contentKey, destroyAfter: releaseKey.value.destroyAfter }) : fits;
}

interface AcceptedEvent {
  readonly facts: { readonly at: number } | undefined;
  readonly entry: PreparedEntry | undefined;
}

async function acceptedOf(
  { accepted }: AuditServiceReleaseItem,
  manifest: Result<Manifest>,
  { records, isLogged }: ReleaseParts,
): Promise<Result<AcceptedEvent>> {
  if (!accepted) return ok({ facts: undefined, entry: undefined });
  if (!manifest.ok) return manifest;
  const { manifestHash, context } = manifest.value;
  const isOurs =
    accepted.type === 'message-accepted' &&
    accepted.at !== undefined &&
    accepted.manifestHash === manifestHash &&
    accepted.sender === context.sender &&
    accepted.recipient === context.recipient;
  if (!isOurs || !accepted.at) return err(new AppError('HASH_MISMATCH', 'the accepted event is of another message'));
  const facts = { at: accepted.at.getTime() / 1000 };
  if (isLogged(accepted)) return ok({ facts, entry: undefined });
  const prepared = await records.prepare(accepted, topics.exchangeEvents);
  return prepared.ok ? ok({ facts, entry: prepared.value }) : prepared;
}

const tokensOf = ({ manifest, releaseRequest, decision }: AuditServiceReleaseItem): EntryEvidence => ({
  manifest,
  'release-request': releaseRequest,
  ...(decision?.$case === 'permit' && { permit: decision.value }),
  ...(decision?.$case === 'permitRefusal' && { 'permit-refusal': decision.value }),
});
