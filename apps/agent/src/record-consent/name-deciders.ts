import { dayInHelsinki } from '#calendar';
import { type Decider, judgeDeciders, normaliseIdentifier, type SubjectStanding } from '#envelope';
import { AppError, type Pseudonym } from '#kernel';
import { birthdayOf, nextStandingFrom, standingAt } from '../domain/standing.js';
import type { ProposedDecider } from '../infra/proposal-store.js';
import { type ClientIdentity, subjectOf } from '../send-message/seal-outgoing.js';
import type { ServedAgency } from '../serve-agencies/served-agency.js';
import type { DeciderDto } from './consent.dto.js';

export interface WhoDecides {
  readonly standing: SubjectStanding;
  /** Where the standing changes with a birthday: what is agreed to now ends then. */
  readonly until: string | undefined;
  readonly deciders: readonly ProposedDecider[];
  readonly custody: 'sole' | 'joint' | undefined;
}

interface Wish {
  readonly client: ClientIdentity;
  readonly standing?: SubjectStanding;
  readonly deciders?: readonly DeciderDto[];
  readonly custody?: 'sole' | 'joint';
}

/**
 * Who decides for a client, by pseudonym and by name.
 *
 * @param excluded who may not decide for this client, as far as this agency knows
 * @throws AppError IDENTITY_CODE_INVALID, CONSENT_INVALID (no identity code and no standing stated, or another than it
 * tells), PSEUDONYM_KEY_MISSING; as `judgeDeciders`
 */
export function whoDecides(agency: ServedAgency, wish: Wish, excluded: ReadonlySet<Pseudonym>, now: Date): WhoDecides {
  const { client, custody } = wish;
  const valid = normaliseIdentifier(client.type, client.value);
  if (!valid.ok) throw valid.error;
  const today = dayInHelsinki(now);
  const birthday = birthdayOf(client);
  const standing = birthday === undefined ? wish.standing : standingAt(birthday, today);
  if (standing === undefined)
    throw new AppError('CONSENT_INVALID', 'state the standing of a client without identity code');
  if (wish.standing !== undefined && wish.standing !== standing)
    throw new AppError('CONSENT_INVALID', 'the identity code tells another standing');
  const wished = wish.deciders ?? [{ role: 'self' as const }];
  // Of a protected child no custodian learns agencies' names unless the case worker says that this one may.
  const deciders = wished.map((decider) =>
    proposedDecider(
      agency,
      client.protected && decider.role === 'custodian' ? { namesWithheld: true, ...decider } : decider,
    ),
  );
  const judged = judgeDeciders(
    {
      subject: subjectOf(agency, client).pseudonym,
      standing,
      deciders: deciders.map(({ decider }) => decider),
      ...(custody === undefined ? {} : { custody }),
    },
    excluded,
    now,
  );
  if (!judged.ok) throw judged.error;
  return {
    standing,
    until: birthday === undefined ? undefined : nextStandingFrom(birthday, today),
    deciders,
    custody,
  };
}

function proposedDecider(agency: ServedAgency, wish: DeciderDto): ProposedDecider {
  const { role, person, reference, verifiedAt, validUntil, namesWithheld } = wish;
  if ((role === 'self') !== (person === undefined))
    throw new AppError('CONSENT_INVALID', 'everybody but the person is named');
  const decider: Decider = {
    role,
    ...(person === undefined ? {} : { pseudonym: subjectOf(agency, person).pseudonym }),
    ...(reference === undefined ? {} : { reference }),
    ...(verifiedAt === undefined ? {} : { verifiedAt: new Date(verifiedAt).toISOString() }),
    ...(validUntil === undefined ? {} : { validUntil: new Date(validUntil).toISOString() }),
    ...(namesWithheld === undefined ? {} : { namesWithheld }),
  };
  const named = {
    role,
    ...(person === undefined ? {} : { person: { ...person } }),
    ...(namesWithheld === undefined ? {} : { namesWithheld }),
  };
  return { decider, named };
}
