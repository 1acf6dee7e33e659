import {
  type ConsentAct,
  type ConsentProposal,
  type ConsentRecord,
  partiesOf,
  readStatement,
  type StatementType,
  type Statements,
} from '#envelope';
import type { AgencyId, ConsentId, Pseudonym } from '#kernel';
import { member } from '../hub-client/hub-http.js';
import { openedUses } from '../record-consent/show-consent.js';

/** A consent or proposal with all that happened to it, as the hub tells it. */
export interface Matter {
  readonly consentId: ConsentId;
  /** 0 as long as it is only proposed. */
  readonly version: number;
  readonly state: string;
  readonly categories: readonly number[];
  /** Left out where names are withheld. */
  readonly record: ConsentRecord | undefined;
  readonly proposal: ConsentProposal | undefined;
  readonly acts: readonly ConsentAct[];
  readonly used: ReturnType<typeof openedUses>;
  readonly endedAt: string | undefined;
}

export interface ReadAccount {
  readonly matters: readonly Matter[];
  /** The hub withholds names from this viewer. */
  readonly namesWithheld: boolean;
}

/**
 * What the hub answered. What cannot be read is left out, and what is not about this person by the signed links.
 *
 * @param numbers all of the person's
 */
export function readAccount(answer: unknown, numbers: ReadonlySet<Pseudonym>): ReadAccount {
  const consents = listOf(member(answer, 'consents'));
  return {
    matters: consents.flatMap((one) => {
      const consentId = member(one, 'consentId');
      const state = member(one, 'state');
      if (typeof consentId !== 'string' || typeof state !== 'string') return [];
      const endedAt = member(one, 'endedAt');
      const record = statementIn('consent', member(one, 'record'));
      const proposal = statementIn('consent-proposal', member(one, 'proposal'));
      const subject = (record ?? proposal)?.subject;
      if (subject !== undefined && !numbers.has(subject)) return [];
      return [
        {
          consentId: consentId as ConsentId,
          version: Number(member(one, 'version')),
          state,
          categories: listOf(member(one, 'categories')).filter((category) => typeof category === 'number'),
          record,
          proposal,
          acts: listOf(member(one, 'acts')).flatMap((act) => statementIn('consent-act', act) ?? []),
          used: openedUses(one, 'used'),
          endedAt: typeof endedAt === 'string' ? endedAt : undefined,
        },
      ];
    }),
    namesWithheld: consents.some((one) => member(one, 'namesWithheld') === true),
  };
}

const withdrawable = new Set(['active', 'suspended', 'not-yet-valid']);

/** May this person withdraw it through this agency? */
export const mayWithdraw = (
  { state, record }: Pick<Matter, 'state'> & { readonly record: ConsentRecord | undefined },
  agency: AgencyId,
  person: Pseudonym,
  about: Pseudonym,
): boolean =>
  record !== undefined &&
  withdrawable.has(state) &&
  partiesOf(record).includes(agency) &&
  (person === about ? record.standing !== 'child' : record.deciders.some(({ pseudonym }) => pseudonym === person));

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? (value as unknown[]) : []);

function statementIn<T extends StatementType>(type: T, token: unknown): Statements[T] | undefined {
  if (typeof token !== 'string') return undefined;
  const read = readStatement(type, token);
  return read.ok ? read.value.payload : undefined;
}
