import { type Catalogue, categoriesAllow, findDeadline, findPurpose } from '#catalogue';
import { type Day, dayInHelsinki } from '#calendar';
import type { ConsentServiceClient, Submission } from '#contracts';
import { type Manifest, agencySkew, capsuleKid, kindRules, hubSkew } from '#envelope';
import {
  AppError,
  type Clock,
  type ErrorCode,
  type Result,
  err,
  isErrorCode,
  numericDate,
  ok,
  partyKindOf,
  unwrap,
} from '#kernel';
import { type DirectoryView, type GrpcClient, keyUsableAt } from '#platform';
import { answerDeadline, periodOf } from './answer-deadline.js';
import { kindOrder } from '../domain/message-kinds.js';
import type { CurrentCatalogue } from '../infra/current-catalogue.js';
import type { ReleaseKeys } from '../infra/release-keys.js';
import { attributeSubmission } from './attribute-submission.js';

/** How long a sealed message may wait in an agent's outbox while the hub cannot be reached. */
const LONGEST_ON_ITS_WAY_S = 7 * 24 * 60 * 60;

/**
 * What is known of a submission before its exchange is looked at.
 *
 * `unattributable`: no agency can be shown to have sent this, so nobody is blamed and no name is taken: whoever writes to
 * Kafka under another's name must not be able to harm it. `refused`: the sender's own message, and it fails the rules.
 */
export type Judged =
  | { readonly verdict: 'unattributable'; readonly code: ErrorCode }
  | {
      readonly verdict: 'refused';
      readonly submission: Submission;
      readonly manifest: Manifest;
      readonly code: ErrorCode;
      /** Whether the message id counts as used by this message. */
      readonly ownsId: boolean;
    }
  | {
      readonly verdict: 'sound';
      readonly submission: Submission;
      readonly manifest: Manifest;
      /** Until when an answer is due, if this message asks. */
      readonly deadline: Date | undefined;
    };

type Attributed = Exclude<Judged, { verdict: 'unattributable' }>;

/** Time in which what an agent found in the log must have reached this service's snapshot, in milliseconds. */
const DIRECTORY_LAG_MS = 500;
const LOOK_EVERY_MS = 25;

const codesOfLag: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'SIGNATURE_INVALID',
  'AGENCY_NOT_ONBOARDED',
  'RECIPIENT_UNKNOWN',
  'RECIPIENT_KEY_UNKNOWN',
]);
const mayBeBehind = (one: Judged): boolean => one.verdict !== 'sound' && codesOfLag.has(one.code);

/** Everything about submissions that needs no transaction: signatures, hashes, keys, rules of the catalogue, basis. */
export class SubmissionJudge {
  constructor(
    private readonly directory: DirectoryView,
    private readonly catalogue: CurrentCatalogue,
    private readonly releaseKeys: ReleaseKeys,
    private readonly consent: GrpcClient<ConsentServiceClient>,
    private readonly clock: Clock,
  ) {}

  /**
   * @throws AppError DIRECTORY_STALE, UNAVAILABLE, TIMEOUT when directory, consent or audit cannot be asked: then nothing is
   * refused for that reason, the batch comes again
   */
  async judge(submissions: readonly Submission[]): Promise<Judged[]> {
    unwrap(this.directory.fresh());
    const { version } = this.directory;
    const judged = await Promise.all(submissions.map((submission) => this.judgeOne(submission)));
    if (judged.some(mayBeBehind) && (await this.directoryMoves(version)))
      for (const [index, one] of judged.entries())
        if (mayBeBehind(one)) judged[index] = await this.judgeOne(submissions[index]!);
    return this.withBasis(judged);
  }

  /** Keys stand in the log, where agents find them, a moment before the directory tells of them. */
  private async directoryMoves(version: bigint): Promise<boolean> {
    for (let waited = 0; waited < DIRECTORY_LAG_MS; waited += LOOK_EVERY_MS) {
      if (this.directory.version !== version) return true;
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    return this.directory.version !== version;
  }

  private async judgeOne(submission: Submission): Promise<Judged> {
    const now = this.clock.now();
    const attributed = await attributeSubmission(submission, this.directory);
    if (!attributed.ok) return { verdict: 'unattributable', code: attributed.error.code };
    const { manifest, signingKey } = attributed.value;
    if (!keyUsableAt(signingKey, now)) {
      const code = signingKey.revokedAt && signingKey.revokedAt <= now ? 'KEY_REVOKED' : 'SIGNATURE_INVALID';
      // A thief with the old key must not be able to use up the ids of the agency's messages.
      return { verdict: 'refused', submission, manifest, code, ownsId: false };
    }
    const rules = await this.checkRules(submission, manifest, now);
    return rules.ok
      ? { verdict: 'sound', submission, manifest, deadline: rules.value }
      : { verdict: 'refused', submission, manifest, code: rules.error.code, ownsId: true };
  }

  private async checkRules(submission: Submission, manifest: Manifest, now: Date): Promise<Result<Date | undefined>> {
    const { context } = manifest;
    const parties = this.checkParties(manifest, now);
    if (!parties.ok) return parties;
    if (context.iat > numericDate(now) + agencySkew) return err(new AppError('IAT_IN_FUTURE'));
    // The law of a message's own day judges its basis, so nobody may date it back into another law.
    if (context.exp <= numericDate(now) || context.iat < numericDate(now) - LONGEST_ON_ITS_WAY_S)
      return err(new AppError('MESSAGE_EXPIRED'));
    const releaseKey = await this.checkReleaseKey(submission.capsule, context.exp, now);
    if (!releaseKey.ok) return releaseKey;
    const catalogue = this.catalogue.get();
    const today = dayInHelsinki(now);
    const content = this.checkCatalogue(manifest, catalogue, today);
    if (!content.ok) return content;
    return kindOrder[context.kind].opens === 'asks' ? this.deadlineOf(manifest, catalogue, today, now) : ok(undefined);
  }

  private checkParties({ context }: Manifest, now: Date): Result<void> {
    if (this.directory.agency(context.sender)?.status !== 'active') return err(new AppError('AGENCY_NOT_ONBOARDED'));
    if (this.directory.agency(context.recipient)?.status !== 'active') return err(new AppError('RECIPIENT_UNKNOWN'));
    const key = this.directory.key(context.recipient, context.recipientKey);
    if (!key || key.use !== 'receiving') return err(new AppError('RECIPIENT_KEY_UNKNOWN'));
    if (key.revokedAt && key.revokedAt <= now) return err(new AppError('KEY_REVOKED'));
    return keyUsableAt(key, now) ? ok(undefined) : err(new AppError('RECIPIENT_KEY_UNKNOWN'));
  }

  private async checkReleaseKey(capsule: string, exp: number, now: Date): Promise<Result<void>> {
    const kid = capsuleKid(capsule);
    if (!kid.ok) return kid;
    const key = await this.releaseKeys.find(kid.value);
    const skewed = now.getTime() + hubSkew * 1000;
    if (!key || skewed < key.useFrom.getTime() || now > key.useUntil) return err(new AppError('RELEASE_KEY_UNKNOWN'));
    return exp <= numericDate(key.destroyAfter) ? ok(undefined) : err(new AppError('EXP_TOO_LATE'));
  }

  private checkCatalogue({ context }: Manifest, catalogue: Catalogue, today: Day): Result<void> {
    const rule = kindRules[context.kind];
    if (!rule.needsBasis) return ok(undefined);
    const purpose = findPurpose(catalogue.purposes, context.purpose, today);
    if (!purpose.ok) return purpose;
    const [asking, holding] =
      rule.gate === 'standing' ? [context.sender, context.recipient] : [context.recipient, context.sender];
    const allowed = categoriesAllow(catalogue.categories, context.categories, {
      asker: partyKindOf(asking),
      holder: partyKindOf(holding),
      day: today,
    });
    return allowed.ok ? ok(undefined) : allowed;
  }

  private deadlineOf({ context }: Manifest, catalogue: Catalogue, today: Day, now: Date): Result<Date> {
    const agreed = findDeadline(catalogue.deadlines, periodOf(context), today);
    if (!agreed.ok) return agreed;
    // All that passes here is secret at least in part, so the longer of the two limits holds.
    const outerLimit = findDeadline(catalogue.deadlines, 'outer-limit-secret', today);
    if (!outerLimit.ok) return outerLimit;
    return answerDeadline({ agreed: agreed.value, outerLimit: outerLimit.value }, context.deadline, now);
  }

  /** One call for the batch: would each basis hold now? */
  private async withBasis(judged: readonly Judged[]): Promise<Judged[]> {
    const asked = judged.filter(
      (one): one is Attributed => one.verdict === 'sound' && kindRules[one.manifest.context.kind].needsBasis,
    );
    if (asked.length === 0) return [...judged];
    const { results } = await this.consent.checkBasis({
      items: asked.map(({ submission }) => ({ manifest: submission.manifest })),
    });
    if (results.length !== asked.length) throw new Error('consent answered for another number of messages');
    const refusals = new Map<Judged, Judged>();
    asked.forEach((one, index) => {
      const { allowed, code } = results[index]!;
      if (allowed) return;
      if (!isErrorCode(code)) throw new Error('consent refused without a code');
      const { submission, manifest } = one;
      refusals.set(one, { verdict: 'refused', submission, manifest, code, ownsId: true });
    });
    return judged.map((one) => refusals.get(one) ?? one);
  }
}
