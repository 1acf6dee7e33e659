import { Inject, Injectable } from '@nestjs/common';
import { type ConsentAct, readStatement, verifyStatement } from '#envelope';
import { type AgencyId, AppError, type Clock, numericDate, unwrap } from '#kernel';
import { Outbox, OutboxRelay } from '#messaging';
import { CLOCK, Database, type DirectoryView, DirectoryWatch, signingKeyOf } from '#platform';
import { isParty, mayHappen } from '../domain/consent-state.js';
import { consentEvent } from '../infra/consent-event.js';
import { lockConsents } from '../infra/consents.js';

/** A withdrawal that waited in an agency's outbox over a long night is still the person's word. */
const MAX_AGE_S = 7 * 24 * 60 * 60;
const SKEW_S = 60;

export interface WithdrawnConsent {
  readonly effectiveAt: Date;
  readonly eventId: string;
}

@Injectable()
export class WithdrawConsent {
  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(DirectoryWatch) private readonly directory: DirectoryView,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(OutboxRelay) private readonly relay: OutboxRelay,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * The person's act, told by any agency that is a party, without a reason. Answered after the commit: no permit is signed
   * later. Withdrawing again is answered as before.
   *
   * @throws AppError FORBIDDEN, SIGNATURE_INVALID, NOT_FOUND (unknown, or the agency is no party)
   */
  async withdraw(agency: AgencyId, token: string): Promise<WithdrawnConsent> {
    const withdrawal = await this.verify(agency, token);
    const withdrawn = await this.database.transaction(async (client) => {
      const consent = (await lockConsents(client, [withdrawal.consentId])).get(withdrawal.consentId);
      if (!consent || !isParty(consent.record, agency)) throw new AppError('NOT_FOUND');
      if (!mayHappen('withdraw', consent.state)) {
        const { rows } = await client.query<{ effectiveAt: Date; eventId: string }>({
          name: 'read-withdrawal',
          text: `SELECT effective_at AS "effectiveAt", event_id AS "eventId" FROM consent.withdrawal WHERE consent_id = $1`,
          values: [consent.id],
        });
        const [before] = rows;
        if (!before) throw new Error('a withdrawn consent without its withdrawal');
        return before;
      }
      const now = this.clock.now();
      const event = consentEvent({
        type: 'consent-withdrawn',
        record: consent.record,
        state: 'withdrawn',
        actor: agency,
        worker: withdrawal.worker,
        at: now,
        evidence: { kind: 'consent-act', token },
      });
      await client.query({
        name: 'withdraw-consent',
        text: `WITH w AS (INSERT INTO consent.withdrawal (consent_id, statement, agency, event_id, effective_at)
                          VALUES ($1, $2, $3, $4, $5))
               UPDATE consent.consent SET state = 'withdrawn', withdrawn_at = $5, changed_at = $5 WHERE consent_id = $1`,
        values: [consent.id, token, agency, event.eventId, now],
      });
      await this.outbox.enqueue(client, [event]);
      return { effectiveAt: now, eventId: event.eventId };
    });
    this.relay.wake();
    return withdrawn;
  }

  private async verify(agency: AgencyId, token: string): Promise<ConsentAct> {
    const read = unwrap(readStatement('consent-act', token));
    if (read.payload.act !== 'withdraw') throw new AppError('MALFORMED', 'not a withdrawal');
    if (read.payload.agency !== agency) throw new AppError('FORBIDDEN', 'the withdrawal is signed for another agency');
    unwrap(this.directory.fresh());
    const now = this.clock.now();
    const key = unwrap(await signingKeyOf(this.directory, agency, read.kid, now));
    const withdrawal = unwrap(await verifyStatement('consent-act', token, key));
    const age = numericDate(now) - withdrawal.iat;
    if (age > MAX_AGE_S || age < -SKEW_S)
      throw new AppError('MALFORMED', 'the withdrawal is too old or from the future');
    return withdrawal;
  }
}
