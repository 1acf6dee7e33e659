import { Inject, Injectable } from '@nestjs/common';
import { type DisclosureView, type MessageKind, type UnopenedEnd, unopenedEnds } from '#envelope';
import type { AgencyId, ExchangeId, MessageId, Pseudonym, Sha256 } from '#kernel';
import { Database } from '#platform';

/** A message that disclosed something about a client, as this agency received or sent it. */
export interface Disclosure {
  readonly exchangeId: ExchangeId;
  readonly messageId: MessageId;
  readonly direction: 'received' | 'sent';
  readonly counterpart: AgencyId;
  readonly kind: MessageKind;
  readonly categories: readonly number[];
  readonly manifest: string;
  /** Of what was received: when and by whom it was opened here. */
  readonly openedAt: Date | null;
  readonly openedBy: string | null;
  readonly at: Date;
}

/** A question about a client in which this agency takes part. */
export interface AskedAbout {
  readonly exchangeId: ExchangeId;
  readonly role: 'asker' | 'holder';
  readonly counterpart: AgencyId;
  readonly purpose: string;
  readonly categories: readonly number[];
  readonly state: string;
  readonly createdAt: Date;
}

/** What an agency's own tables say about one client. */
@Injectable()
export class ClientStore {
  constructor(@Inject(Database) private readonly database: Database) {}

  /** Those pseudonyms under which this agency has anything. */
  async known(agency: AgencyId, pseudonyms: readonly Pseudonym[]): Promise<Pseudonym[]> {
    const { rows } = await this.database.query<{ pseudonym: Pseudonym }>({
      name: 'client-known',
      text: `SELECT pseudonym FROM unnest($2::text[]) AS pseudonym
             WHERE EXISTS (SELECT FROM exchanges WHERE agency = $1 AND subjects && ARRAY[pseudonym])
                OR EXISTS (SELECT FROM consents WHERE agency = $1 AND subject = pseudonym)
                OR EXISTS (SELECT FROM consent_proposals WHERE agency = $1 AND subject = pseudonym)
                OR EXISTS (SELECT FROM consent_notices WHERE agency = $1 AND subject = pseudonym)
                OR EXISTS (SELECT FROM subject_links WHERE agency = $1 AND pseudonym IN (subject, earlier))`,
      values: [agency, pseudonyms],
    });
    return rows.map(({ pseudonym }) => pseudonym);
  }

  async asked(agency: AgencyId, subjects: readonly Pseudonym[], limit: number): Promise<AskedAbout[]> {
    const { rows } = await this.database.query<AskedAbout>({
      name: 'client-asked',
      text: `SELECT id AS "exchangeId", role, counterpart, purpose, categories, state, created_at AS "createdAt"
             FROM exchanges WHERE agency = $1 AND subjects && $2 ORDER BY created_at DESC LIMIT $3`,
      values: [agency, subjects, limit],
    });
    return rows;
  }

  /** Messages that the hub took from here or brought here, and how those ended that need not have arrived, in one order. */
  async wentBetween(agency: AgencyId, counterpart: AgencyId): Promise<DisclosureView> {
    const { rows } = await this.database.query<{
      direction: 'sent' | 'received';
      hash: Sha256;
      end: UnopenedEnd | null;
    }>({
      name: 'went-between',
      text: `SELECT 'received' AS direction, manifest_hash AS hash, NULL AS end FROM inbox WHERE agency = $1 AND sender = $2
             UNION SELECT 'sent', manifest_hash, CASE WHEN outcome = ANY ($3::text[]) THEN outcome END FROM outbox
               WHERE agency = $1 AND recipient = $2 AND state = 'accepted'
             ORDER BY hash`,
      values: [agency, counterpart, unopenedEnds],
    });
    const of = (wanted: string): Sha256[] =>
      rows.filter(({ direction }) => direction === wanted).map(({ hash }) => hash);
    const ended = rows.flatMap(({ hash, end }) => (end === null ? [] : { hash, as: end }));
    return { v: 1, agency, counterpart, sent: of('sent'), received: of('received'), ended };
  }

  /** Newest first. What was not opened here is no disclosure yet. */
  async disclosures(agency: AgencyId, subjects: readonly Pseudonym[], limit: number): Promise<Disclosure[]> {
    const { rows } = await this.database.query<Disclosure>({
      name: 'client-disclosures',
      text: `SELECT * FROM (
               SELECT m.exchange_id AS "exchangeId", m.message_id AS "messageId", 'received' AS direction,
                 m.sender AS counterpart, m.kind, m.categories, m.manifest, m.opened_at AS "openedAt",
                 m.open_by AS "openedBy", m.opened_at AS at
               FROM inbox m JOIN exchanges e ON e.agency = m.agency AND e.id = m.exchange_id
               WHERE m.agency = $1 AND e.subjects && $2 AND m.state = 'opened' AND m.kind IN ('answer', 'referral', 'transfer')
               UNION ALL
               SELECT m.exchange_id, m.message_id, 'sent', m.recipient, m.kind, m.categories, m.manifest, NULL, NULL, m.created_at
               FROM outbox m JOIN exchanges e ON e.agency = m.agency AND e.id = m.exchange_id
               WHERE m.agency = $1 AND e.subjects && $2 AND m.state NOT IN ('rejected', 'refused')
                 AND m.kind IN ('answer', 'referral', 'transfer')
             ) AS both_ways ORDER BY at DESC LIMIT $3`,
      values: [agency, subjects, limit],
    });
    return rows;
  }
}
