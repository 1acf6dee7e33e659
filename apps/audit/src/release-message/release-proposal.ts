import { type LogBody, parseLogBody } from '#envelope';
import { AppError, type Clock, type EventId, newEventId, unwrap } from '#kernel';
import type { LogView } from '../append-entries/log-view.js';
import {
  type LeafOpening,
  type OpaqueEntry,
  type PreparedEntry,
  openingOf,
  prepareOpaque,
} from '../append-entries/prepared-entry.js';
import type { Decision, Proposal } from '../append-entries/proposal.js';
import type { ReleaseType } from '../domain/entry-types.js';
import { type LogWords, type Verdict, judgeRelease } from '../domain/release-rules.js';
import type { EntryKek } from '../infra/entry-kek.js';
import type { ExaminedRelease } from './examine-release.js';

export interface ReleaseOutcome {
  readonly verdict: Verdict;
  /** Opening of the new leaf, where one was appended. */
  readonly opening: LeafOpening | undefined;
}

/** Decides in the order of the log, so that a withdrawal logged one entry earlier counts. */
export class ReleaseProposal implements Proposal<ReleaseOutcome> {
  private readonly eventId: EventId = newEventId();

  constructor(
    private readonly examined: ExaminedRelease,
    private readonly kek: EntryKek,
    private readonly clock: Clock,
  ) {}

  get wanted(): Proposal<ReleaseOutcome>['wanted'] {
    const { manifest, request, accepted } = this.examined;
    const { message } = this.examined.case;
    return {
      eventIds: accepted ? [this.eventId, accepted.eventId] : [this.eventId],
      manifestHashes: manifest ? [manifest.manifestHash] : [],
      consentIds: message.ok ? message.value.consents.map(({ id }) => id) : [],
      requestJtis: request ? [request.jti] : [],
    };
  }

  decide(view: LogView): Decision<ReleaseOutcome> {
    const now = this.clock.now();
    const verdict = judgeRelease(this.caseIn(view), this.wordsOf(view), now);
    const before = this.acceptedEntry(view, verdict);
    if (
      verdict.kind === 'repeat' ||
      (verdict.kind === 'refuse' && (!verdict.logged || verdict.leafIndex !== undefined))
    )
      return { entries: before, outcome: { verdict, opening: undefined } };
    const entry = this.entryOf(verdict, now);
    return { entries: [...before, entry], outcome: { verdict, opening: openingOf(entry) } };
  }

  /** An accepted event that has a leaf, while the log knows no acceptance of this message, is an event of something else. */
  private caseIn(view: LogView): ExaminedRelease['case'] {
    const { accepted: entry, manifest } = this.examined;
    const { accepted } = this.examined.case;
    const came = accepted.ok && accepted.value !== undefined;
    if (!came || !manifest || view.message(manifest.manifestHash).acceptedAt !== undefined) return this.examined.case;
    if (entry && view.leafOf(entry.eventId) === undefined) return this.examined.case;
    const error = new AppError('HASH_MISMATCH', 'the event id of the accepted event is another’s');
    return { ...this.examined.case, accepted: { ok: false, error } };
  }

  private wordsOf(view: LogView): LogWords {
    const { manifest, request } = this.examined;
    const message = manifest && view.message(manifest.manifestHash);
    return {
      size: view.size,
      acceptedAt: message?.acceptedAt,
      released: message?.released ?? false,
      ended: message?.ended,
      consentWords: (id) => view.consentWords(id),
      sameRequest: request ? view.requestWords(request.agency, request.jti) : [],
    };
  }

  /** First in the same batch, where Kafka has not brought it yet. Not where nothing could be judged. */
  private acceptedEntry(view: LogView, verdict: Verdict): PreparedEntry[] {
    const { accepted, manifest } = this.examined;
    const judged = this.examined.case.message.ok && !(verdict.kind === 'refuse' && !verdict.logged);
    if (!accepted || !manifest || !judged) return [];
    if (view.message(manifest.manifestHash).acceptedAt !== undefined) return [];
    return view.leafOf(accepted.eventId) === undefined ? [accepted] : [];
  }

  private entryOf(verdict: Extract<Verdict, { kind: 'release' | 'refuse' }>, now: Date): OpaqueEntry {
    const { request } = this.examined;
    const type: ReleaseType = verdict.kind === 'release' ? verdict.type : 'release-refused';
    const refusal = verdict.kind === 'refuse' ? { code: verdict.error.code, final: verdict.final } : undefined;
    const body = this.bodyOf(type, refusal?.code, now);
    // What failed verification names a request only as hearsay: it must not answer for the real one later.
    const verified = this.examined.case.request.ok && request;
    const prepared = prepareOpaque(
      body,
      this.kek,
      verified ? { request: { jti: verified.jti, hash: verified.hash }, tokens: this.examined.tokens } : {},
    );
    if (!this.examined.case.message.ok) return prepared;
    return {
      ...prepared,
      releaseFact: {
        eventId: this.eventId,
        type,
        exchangeId: body.exchangeId ?? '',
        messageId: body.messageId ?? '',
        manifestHash: body.manifestHash ?? '',
        sender: body.sender ?? '',
        recipient: body.recipient ?? '',
        code: refusal?.code ?? '',
        final: refusal?.final ?? false,
        at: now,
      },
    };
  }

  private bodyOf(type: ReleaseType, code: string | undefined, now: Date): LogBody {
    const { manifest, request, evidence } = this.examined;
    const { message, request: checked } = this.examined.case;
    const context = message.ok ? manifest?.context : undefined;
    const members: Record<string, unknown> = {
      v: 1,
      eventId: this.eventId,
      type,
      at: now.toISOString(),
      ...(context && {
        exchangeId: context.exchangeId,
        messageId: context.messageId,
        manifestHash: manifest?.manifestHash,
        sender: context.sender,
        recipient: context.recipient,
        purpose: context.purpose,
        ...(context.subjects.length > 0 && { subjects: context.subjects }),
        ...(context.categories.length > 0 && { categories: context.categories }),
        ...(context.basis.length > 0 && { basis: context.basis }),
      }),
      ...(checked.ok && request && { actor: { agency: request.agency, worker: request.worker } }),
      ...(code !== undefined && { code }),
      evidence,
      assertedBy: checked.ok ? 'agency' : 'hub',
    };
    return unwrap(parseLogBody(members));
  }
}
