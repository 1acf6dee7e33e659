import type { LogRecord } from './__generated__/kotovayla/log/v1/log_record.js';

/**
 * What a record says, by the names of an entry's body. What it leaves empty is left out, so that one fact has one canonical
 * form. Without its bases, which are JSON, and without what audit adds. Not judged: `at` is missing where the record says no time.
 */
export function recordMembers(record: LogRecord): Record<string, unknown> {
  const at = record.at === undefined || Number.isNaN(record.at.getTime()) ? undefined : record.at.toISOString();
  const members: Record<string, unknown> = {
    eventId: record.eventId,
    type: record.type,
    at,
    exchangeId: filled(record.exchangeId),
    seq: record.exchangeNumber === 0 ? undefined : record.exchangeNumber,
    messageId: filled(record.messageId),
    manifestHash: filled(record.manifestHash),
    sender: filled(record.sender),
    recipient: filled(record.recipient),
    actor: actorOf(record),
    subjects: record.subjects.length === 0 ? undefined : record.subjects,
    categories: record.categories.length === 0 ? undefined : [...record.categories].sort((a, b) => a - b),
    purpose: filled(record.purpose),
    code: filled(record.code),
    consent: record.consentId === '' ? undefined : { id: record.consentId, version: record.consentVersion },
  };
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== undefined));
}

const filled = (text: string): string | undefined => (text === '' ? undefined : text);

function actorOf({ actorAgency, actorWorker }: LogRecord): { agency: string; worker?: string } | undefined {
  if (actorAgency === '') return undefined;
  return actorWorker === '' ? { agency: actorAgency } : { agency: actorAgency, worker: actorWorker };
}
