import { Inject, Injectable } from '@nestjs/common';
import type { PermitResult } from '#contracts';
import {
  checkReleaseRequest,
  type Manifest,
  permitMaxAge,
  readManifest,
  readReleaseRequest,
  type SignedReleaseRequest,
  type SigningKey,
  signPermit,
  signPermitRefusal,
  verifyManifest,
  verifyReleaseRequest,
} from '#envelope';
import { AppError, type Clock, err, fromNumericDate, numericDate, type Result, unwrap } from '#kernel';
import { CLOCK, Database, type DirectoryView, DirectoryWatch, signingKeyOf } from '#platform';
import { consentsNamed, type ConsentUse, decideBasis, type Decision, type Facts } from '../domain/decide-basis.js';
import { CatalogueView } from '../infra/catalogue-view.js';
import { insertUses, lockConsents } from '../infra/consents.js';
import { activeAmong, noStoredFacts, readFacts } from '../infra/read-facts.js';
import { LogReplay } from '../replay-log/log-replay.js';

export const PERMIT_KEY = Symbol('PermitKey');

interface Verified {
  readonly manifest: Manifest;
  readonly request: SignedReleaseRequest;
}

/** The only place where a permit is signed. */
@Injectable()
export class PermitRelease {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DirectoryWatch) private readonly directory: DirectoryView,
    @Inject(CatalogueView) private readonly catalogue: CatalogueView,
    @Inject(PERMIT_KEY) private readonly key: SigningKey,
    @Inject(LogReplay) private readonly replay: Pick<LogReplay, 'assertCaughtUp'>,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * One transaction for the batch: locks the consents, decides each message in order, counts the uses, signs; the permits
   * leave after the commit. So a withdrawal either commits before and is seen, or waits, and then its `effectiveAt` is
   * later than these permits and holds for the next.
   *
   * @returns a permit or a signed refusal for each, in order
   * @throws AppError UNAVAILABLE before the log has been read again; when manifest or release request do not verify: exchange has checked both, so this is not an answer
   */
  async permit(items: readonly { manifest: string; releaseRequest: string }[]): Promise<PermitResult[]> {
    this.replay.assertCaughtUp();
    unwrap(this.directory.fresh());
    const catalogue = this.catalogue.current();
    const verified = (await Promise.all(items.map((item) => this.verify(item)))).map((result) => unwrap(result));
    const contexts = verified.map(({ manifest }) => manifest.context);
    const known = { catalogue, activeAgencies: activeAmong(this.directory, contexts) };
    if (contexts.flatMap(consentsNamed).length === 0) {
      const now = this.clock.now();
      return this.signAll(verified, this.decide(verified, { ...known, ...noStoredFacts, now }), now);
    }
    return this.database.transaction(async (client) => {
      const stored = await readFacts(client, contexts, lockConsents);
      const now = this.clock.now();
      const decisions = this.decide(verified, { ...known, ...stored, now });
      await insertUses(client, decisions.flatMap(firstUses), now);
      return this.signAll(verified, decisions, now);
    });
  }

  /** Uses counted for one message are seen by the next of the same batch. */
  private decide(verified: readonly Verified[], facts: Facts): Decision[] {
    const uses: ConsentUse[] = [...facts.uses];
    return verified.map(({ manifest }) => {
      const decision = decideBasis(manifest.context, { ...facts, uses });
      uses.push(...firstUses(decision));
      return decision;
    });
  }

  private signAll(verified: readonly Verified[], decisions: readonly Decision[], at: Date): Promise<PermitResult[]> {
    return Promise.all(decisions.map((decision, i) => this.sign(verified[i]!, decision, numericDate(at))));
  }

  private async sign({ manifest, request }: Verified, decision: Decision, iat: number): Promise<PermitResult> {
    const about = { manifestHash: manifest.manifestHash, releaseRequestHash: request.hash, iat };
    if (!decision.allowed) {
      const [{ code }] = decision.reasons;
      const refusal = await signPermitRefusal({ ...about, code, final: decision.final }, this.key);
      return { result: { $case: 'refusal', value: refusal } };
    }
    const use = decision.uses.length === 0 ? 'none' : decision.uses.some(({ first }) => first) ? 'first' : 'repeat';
    const permit = await signPermit(
      { ...about, basis: manifest.context.basis, use, exp: iat + permitMaxAge },
      this.key,
    );
    return { result: { $case: 'permit', value: permit } };
  }

  /** The manifest by the key that was good when it was signed, the request by one that is good now. */
  private async verify(item: { manifest: string; releaseRequest: string }): Promise<Result<Verified, AppError>> {
    const manifest = readManifest(item.manifest);
    if (!manifest.ok) return manifest;
    const request = readReleaseRequest(item.releaseRequest);
    if (!request.ok) return request;
    const { sender, recipient, iat } = manifest.value.context;
    if (this.directory.agency(recipient)?.status !== 'active') return err(new AppError('AGENCY_NOT_ONBOARDED'));
    const now = this.clock.now();
    const [senderKey, recipientKey] = await Promise.all([
      signingKeyOf(this.directory, sender, manifest.value.kid, fromNumericDate(iat)),
      signingKeyOf(this.directory, recipient, request.value.kid, now),
    ]);
    if (!senderKey.ok) return senderKey;
    if (!recipientKey.ok) return recipientKey;
    const [verifiedManifest, verifiedRequest] = await Promise.all([
      verifyManifest(item.manifest, senderKey.value),
      verifyReleaseRequest(item.releaseRequest, recipientKey.value),
    ]);
    if (!verifiedManifest.ok) return verifiedManifest;
    if (!verifiedRequest.ok) return verifiedRequest;
    const fits = checkReleaseRequest(
      verifiedRequest.value,
      { manifestHash: verifiedManifest.value.manifestHash, agency: recipient },
      now,
    );
    if (!fits.ok) return fits;
    return { ok: true, value: { manifest: verifiedManifest.value, request: verifiedRequest.value } };
  }
}

const firstUses = (decision: Decision): ConsentUse[] =>
  decision.allowed ? decision.uses.filter(({ first }) => first) : [];
