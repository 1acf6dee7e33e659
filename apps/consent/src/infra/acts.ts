import type { ConsentAct } from '#envelope';
import type { AgencyId, ConsentId, EventId } from '#kernel';
import type { Queryable } from '#platform';
import type { StoredState, Transition } from '../domain/consent-state.js';

/** One act about a consent as stored. An act without a statement is the hub's own: an end that came by itself. */
export interface StoredAct {
  readonly consentId: ConsentId;
  readonly version: number;
  readonly act: Transition;
  /** State afterwards. */
  readonly state: StoredState;
  readonly statement: string | undefined;
  readonly payload: ConsentAct | undefined;
  readonly eventId: EventId;
  readonly effectiveAt: Date;
}

interface ActRow extends Omit<StoredAct, 'statement' | 'payload'> {
  statement: string | null;
  payload: ConsentAct | null;
}

const COLUMNS = `consent_id AS "consentId", version, act, state, statement, payload, event_id AS "eventId",
                 effective_at AS "effectiveAt"`;

/** Acts about these consents, oldest first. */
export async function readActs(client: Queryable, ids: readonly ConsentId[]): Promise<StoredAct[]> {
  if (ids.length === 0) return [];
  const { rows } = await client.query<ActRow>({
    name: 'read-acts',
    text: `SELECT ${COLUMNS} FROM consent.consent_act WHERE consent_id = ANY($1::uuid[]) ORDER BY number`,
    values: [ids],
  });
  return rows.map(actOf);
}

export async function findAct(client: Queryable, agency: AgencyId, jti: string): Promise<StoredAct | undefined> {
  const { rows } = await client.query<ActRow>({
    name: 'find-act',
    text: `SELECT ${COLUMNS} FROM consent.consent_act WHERE (agency, jti) = ($1, $2)`,
    values: [agency, jti],
  });
  return rows.map(actOf)[0];
}

export async function insertActs(client: Queryable, acts: readonly StoredAct[]): Promise<void> {
  await client.query({
    name: 'insert-acts',
    text: `INSERT INTO consent.consent_act
             (consent_id, version, act, state, agency, jti, statement, payload, event_id, effective_at)
           SELECT consent_id, version, act, state, payload->>'agency', payload->>'jti', statement, payload, event_id,
                  effective_at
           FROM unnest($1::uuid[], $2::int[], $3::text[], $4::text[], $5::text[], $6::jsonb[], $7::text[],
                       $8::timestamptz[])
             AS given (consent_id, version, act, state, statement, payload, event_id, effective_at)`,
    values: [
      acts.map(({ consentId }) => consentId),
      acts.map(({ version }) => version),
      acts.map(({ act }) => act),
      acts.map(({ state }) => state),
      acts.map(({ statement }) => statement ?? null),
      acts.map(({ payload }) => (payload ? JSON.stringify(payload) : null)),
      acts.map(({ eventId }) => eventId),
      acts.map(({ effectiveAt }) => effectiveAt),
    ],
  });
}

const actOf = ({ statement, payload, ...row }: ActRow): StoredAct => ({
  ...row,
  statement: statement ?? undefined,
  payload: payload ?? undefined,
});
