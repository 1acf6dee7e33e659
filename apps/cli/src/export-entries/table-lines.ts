import { stringify } from 'csv-stringify/sync';
import { liftingConsents, parseLogBody } from '#envelope';
import { unwrap } from '#kernel';
import type { PlacedLine } from '../domain/entries-export.js';

const columns = [
  'index',
  'number',
  'logged_at',
  'at',
  'type',
  'exchange_id',
  'exchange_number',
  'message_id',
  'sender',
  'recipient',
  'actor',
  'worker',
  'subjects',
  'categories',
  'basis',
  'purpose',
  'code',
  'consent_id',
  'consent_version',
  'manifest_hash',
  'asserted_by',
  'event_id',
] as const;

/**
 * One entry as a line of RFC 4180, with the line's end; without an entry the header. What a spreadsheet would take for a
 * formula gets an apostrophe before it.
 */
export function tableLine(line?: PlacedLine): string {
  return stringify([line === undefined ? [...columns] : cellsOf(line)], {
    record_delimiter: '\r\n',
    escape_formulas: true,
  });
}

function cellsOf({ index, body: text, place }: PlacedLine): string[] {
  const body = unwrap(parseLogBody(JSON.parse(text)));
  const cells: Readonly<Record<(typeof columns)[number], string | number | undefined>> = {
    index,
    number: place.number,
    logged_at: place.loggedAt,
    at: body.at,
    type: body.type,
    exchange_id: body.exchangeId,
    exchange_number: body.seq,
    message_id: body.messageId,
    sender: body.sender,
    recipient: body.recipient,
    actor: body.actor?.agency,
    worker: body.actor?.worker,
    subjects: body.subjects?.join(' '),
    categories: body.categories?.join(' '),
    basis: body.basis
      ?.map(({ secrecyLift: lift }) =>
        'statute' in lift
          ? lift.statute.id
          : liftingConsents(lift)
              .map(({ id }) => `consent:${id}`)
              .join(' '),
      )
      .join(' '),
    purpose: body.purpose,
    code: body.code,
    consent_id: body.consent?.id,
    consent_version: body.consent?.version,
    manifest_hash: body.manifestHash,
    asserted_by: body.assertedBy,
    event_id: body.eventId,
  };
  return columns.map((column) => String(cells[column] ?? ''));
}
