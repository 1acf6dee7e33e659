import type { LogRecord } from './__generated__/kotovayla/log/v1/log_record.js';

/**
 * What a record says, by the names of an entry's body. What it leaves empty is left out, so that one fact has one canonical
 * form. Without its bases, which are JSON, and without what audit adds. Not judged: `at` is missing where the record says no time.
 */
export function recordMembers(record: LogRecord): Record<string, unknown> {
  const at = record.at === undefined || Number.isNaN(record.at.getTime()) ? undefined : record.at.toISOString();
  const { exchangeNumber, subjects, categories, consentId, consentVersion } = record;
  const members: Record<string, unknown> = { eventId: record.eventId, type: record.type };
  if (at !== undefined) members['at'] = at;
  if (exchangeNumber !== 0) members['seq'] = exchangeNumber;
  for (const name of texts) if (record[name] !== '') members[name] = record[name];
  const actor = actorOf(record);
  if (actor !== undefined) members['actor'] = actor;
  if (subjects.length > 0) members['subjects'] = subjects;
  if (categories.length > 0) members['categories'] = [...categories].sort((a, b) => a - b);
  if (consentId !== '') members['consent'] = { id: consentId, version: consentVersion };
  return members;
}

const texts = [
  'exchangeId',
  'messageId',
  'manifestHash',
  'sender',
  'recipient',
  'purpose',
  'code',
] as const satisfies readonly (keyof LogRecord)[];

function actorOf({ actorAgency, actorWorker }: LogRecord): { agency: string; worker?: string } | undefined {
  if (actorAgency === '') return undefined;
  return actorWorker === '' ? { agency: actorAgency } : { agency: actorAgency, worker: actorWorker };
}
