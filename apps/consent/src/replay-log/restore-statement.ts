import type { ConsentWord } from '#contracts';
import {
  type ConsentProposal,
  type ConsentRecord,
  readStatement,
  type Statements,
  type StatementType,
  statementHash,
  verifyStatement,
} from '#envelope';
import { type AgencyId, type EventId, isAgencyId, isPseudonym, type Pseudonym, type Sha256, unwrap } from '#kernel';
import { type DirectoryView, type Queryable, signingKeyOf } from '#platform';
import { isRenamed } from '../domain/accept-record.js';
import { finalStates } from '../domain/consent-state.js';
import { createMatter, insertProposal, insertVersion, type Matter } from '../infra/consents.js';
import { keepLost, keepStatement } from '../infra/subjects.js';

/** Entries by which something came to be that its signed statement alone can bring back. */
export const restorable: ReadonlySet<string> = new Set([
  'consent-recorded',
  'consent-requested',
  'subject-linked',
  'decider-excluded',
]);

/** An entry whose event the tables do not know. */
export interface LostWord {
  readonly eventId: EventId;
  readonly at: Date;
  readonly source: ConsentWord;
}

/**
 * What an agency signed, if the log has it and it is what the entry says: judged as it was judged then, by the agency's key of
 * that moment. The log's keeper cannot make one up.
 */
async function signedThen<T extends StatementType>(
  directory: DirectoryView,
  type: T,
  { at, source: { statement } }: LostWord,
  signerOf: (payload: Statements[T]) => AgencyId,
): Promise<Statements[T] | undefined> {
  const read = readStatement(type, statement);
  if (!read.ok) return undefined;
  unwrap(directory.fresh());
  const key = await signingKeyOf(directory, signerOf(read.value.payload), read.value.kid, at);
  return key.ok && (await verifyStatement(type, statement, key.value)).ok ? read.value.payload : undefined;
}

/** A consent's lost version. What has ended is not brought back. */
export async function restoreRecord(
  client: Queryable,
  directory: DirectoryView,
  word: LostWord,
  matter: Matter | undefined,
): Promise<boolean> {
  const record = await signedThen(directory, 'consent', word, ({ collectingAgency }) => collectingAgency);
  const { consentId, consentVersion } = word.source;
  if (record?.id !== consentId || record.version !== consentVersion) return false;
  if (
    matter
      ? finalStates.includes(matter.state) || record.version <= matter.version
      : !(await create(client, record, word))
  )
    return false;
  const version = {
    record,
    token: word.source.statement,
    recordHash: statementHash(word.source.statement),
    recordEventId: word.eventId,
    recordedAt: word.at,
  };
  const renamed = matter?.consent !== undefined && isRenamed(matter.consent.record, record);
  await insertVersion(client, version, renamed);
  return true;
}

/** A lost proposal, or an open one that was named anew. */
export async function restoreProposal(
  client: Queryable,
  directory: DirectoryView,
  word: LostWord,
  matter: Matter | undefined,
): Promise<boolean> {
  const proposal = await signedThen(directory, 'consent-proposal', word, ({ collectingAgency }) => collectingAgency);
  if (proposal?.id !== word.source.consentId) return false;
  const { proposal: before } = matter ?? {};
  if (
    matter
      ? matter.state !== 'requested' || !before || !isRenamed(before.payload, proposal)
      : !(await create(client, proposal, word))
  )
    return false;
  const { statement: token } = word.source;
  const { eventId, at: recordedAt } = word;
  await insertProposal(client, { token, hash: statementHash(token), payload: proposal, eventId, recordedAt });
  return true;
}

const create = (client: Queryable, terms: ConsentRecord | ConsentProposal, { at }: LostWord): Promise<boolean> =>
  createMatter(client, {
    id: terms.id,
    subject: terms.subject,
    state: 'grants' in terms ? 'active' : 'requested',
    endsAt: 'grants' in terms ? terms.validUntil : terms.lapsesAt,
    at,
  });

/** A lost link or exclusion; without its statement, that it is lost. Returns whether something was not known before. */
export async function restoreAboutPerson(
  client: Queryable,
  directory: DirectoryView,
  kind: 'subject-link' | 'decider-exclusion',
  word: LostWord,
): Promise<boolean> {
  const { eventId, at, source } = word;
  const said = kind === 'subject-link' ? await linkIn(directory, word) : await exclusionIn(directory, word);
  if (said) {
    const kept = { ...said, token: source.statement, eventId, recordedAt: at };
    return (await keepStatement(client, kind, kept)).isNew;
  }
  const [subject, other] = source.subjects;
  if (!isPseudonym(subject) || !isAgencyId(source.sender)) return false;
  // Of a link without both its ends nothing is known.
  if (kind === 'subject-link' && !isPseudonym(other)) return false;
  return keepLost(client, {
    kind,
    agency: source.sender,
    subject,
    other: kind === 'subject-link' && isPseudonym(other) ? other : undefined,
    hash: source.statementHash === '' ? undefined : (source.statementHash as Sha256),
    eventId,
    at,
  });
}

interface Said {
  readonly agency: AgencyId;
  readonly jti: string;
  readonly subject: Pseudonym;
  readonly other: Pseudonym;
}

async function linkIn(directory: DirectoryView, word: LostWord): Promise<Said | undefined> {
  const link = await signedThen(directory, 'subject-link', word, ({ agency }) => agency);
  if (!link || word.source.subjects.join(' ') !== `${link.subject} ${link.earlier}`) return undefined;
  return { agency: link.agency, jti: link.jti, subject: link.subject, other: link.earlier };
}

async function exclusionIn(directory: DirectoryView, word: LostWord): Promise<Said | undefined> {
  const exclusion = await signedThen(directory, 'decider-exclusion', word, ({ agency }) => agency);
  if (!exclusion || word.source.subject !== exclusion.subject) return undefined;
  return { agency: exclusion.agency, jti: exclusion.jti, subject: exclusion.subject, other: exclusion.decider };
}
