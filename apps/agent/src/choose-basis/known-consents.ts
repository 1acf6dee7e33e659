import { Inject, Injectable } from '@nestjs/common';
import {
  type ConsentProposal,
  type ConsentRecord,
  joinedWith,
  type JoinedPseudonyms,
  readStatement,
  type Statements,
  verifyStatement,
} from '#envelope';
import { type AgencyId, type Clock, fromNumericDate, type Pseudonym } from '#kernel';
import { CLOCK } from '#platform';
import { entitledLinks } from '../domain/entitled-links.js';
import type { KnownConsent } from '../domain/judge-basis.js';
import { LogFollower } from '../follow-log/log-follower.js';
import { member } from '../hub-client/hub-http.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';

/** What the hub tells of a person's consents, as far as it shows that they are this person's. */
export interface ConsentsAbout {
  readonly consents: readonly ToldConsent[];
  /** By which they are the person's; those that hold. */
  readonly links: readonly JoinedPseudonyms[];
}

/** A consent with everything that the hub tells of it. */
export interface ToldConsent extends KnownConsent {
  readonly told: unknown;
}

/** Kinds of signed statement by which an agency is entitled to say who is one person. */
type TermsKind = 'consent' | 'consent-proposal';

/** Consents about persons, under every number that an entitled agency joined with theirs by its signature. */
@Injectable()
export class KnownConsents {
  constructor(
    @Inject(LogFollower) private readonly log: LogFollower,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** @throws AppError the hub's, when it is away */
  async about(agency: ServedAgency, subject: Pseudonym): Promise<ConsentsAbout> {
    const answer = await agency.hub.consentsOf(subject);
    const links = await this.linksIn(answer);
    const person = joinedWith(subject, links);
    return { consents: toldConsents(answer).filter(({ record }) => person.has(record.subject)), links };
  }

  /** Every number that is this person's by the signed links of an answer of the hub. */
  async numbersIn(answer: unknown, subject: Pseudonym): Promise<ReadonlySet<Pseudonym>> {
    return joinedWith(subject, await this.linksIn(answer));
  }

  /** About all of these. @throws AppError the hub's, when it is away */
  async aboutAll(agency: ServedAgency, subjects: readonly Pseudonym[]): Promise<ConsentsAbout> {
    const each = await Promise.all(subjects.map((subject) => this.about(agency, subject)));
    return { consents: each.flatMap(({ consents }) => consents), links: each.flatMap(({ links }) => links) };
  }

  /** Was it signed by its collector, with a key that counted at some time since? */
  async isSigned({ token }: Pick<KnownConsent, 'token'>): Promise<boolean> {
    return (await this.signedTerms('consent', token)) !== undefined;
  }

  private async linksIn(answer: unknown): Promise<JoinedPseudonyms[]> {
    const tokens = strings(member(answer, 'links'));
    // Nearly nobody has two numbers: then nothing needs to be verified.
    if (tokens.length === 0) return [];
    const links = await Promise.all(tokens.map((token) => this.signedLink(token)));
    const told = list(member(answer, 'consents'));
    const terms = await Promise.all(
      told.flatMap((one) => [
        ...strings([member(one, 'record')]).map((token) => this.signedTerms('consent', token)),
        ...strings([member(one, 'proposal')]).map((token) => this.signedTerms('consent-proposal', token)),
      ]),
    );
    return entitledLinks(defined(links), defined(terms));
  }

  private async signedLink(token: string): Promise<Statements['subject-link'] | undefined> {
    const read = readStatement('subject-link', token);
    if (!read.ok) return undefined;
    const { agency, iat } = read.value.payload;
    const key = await this.log.keys.signingKey(agency, read.value.kid, fromNumericDate(iat));
    return key.ok && (await verifyStatement('subject-link', token, key.value)).ok ? read.value.payload : undefined;
  }

  private async signedTerms(kind: TermsKind, token: string): Promise<ConsentRecord | ConsentProposal | undefined> {
    const read = readStatement(kind, token);
    if (!read.ok) return undefined;
    const { payload, kid } = read.value;
    const since = new Date('collectedAt' in payload ? payload.collectedAt : payload.createdAt);
    const agency: AgencyId = payload.collectingAgency;
    // Under a new pseudonym key it is signed again, long after it was collected and perhaps by a later key.
    const key = await this.log.keys.signingKeySince(agency, kid, since, this.clock.now());
    return key.ok && (await verifyStatement(kind, token, key.value)).ok ? payload : undefined;
  }
}

/** The hub's list of consents about a subject, by its word. What cannot be read is left out. */
export function toldConsents(answer: unknown): ToldConsent[] {
  return list(member(answer, 'consents')).flatMap((told) => {
    const token = member(told, 'record');
    const state = member(told, 'state');
    if (typeof token !== 'string' || typeof state !== 'string') return [];
    const read = readStatement('consent', token);
    if (!read.ok) return [];
    const { payload } = read.value;
    return [{ id: payload.id, version: payload.version, record: payload, token, state, told }];
  });
}

const list = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);
const strings = (value: unknown): string[] => list(value).filter((one) => typeof one === 'string');
const defined = <T>(values: readonly (T | undefined)[]): T[] => values.filter((value) => value !== undefined);
