import { type LogRecord, recordMembers } from '#contracts';
import { type ClearRecord, clearFactDigest, factDigest } from '#envelope';
import { type Sha256, isEventId } from '#kernel';

/** Of what the record says, as its leaf must commit to it; undefined for a record that no leaf can have. */
export function digestOfRecord(record: LogRecord): Sha256 | undefined {
  if (!isEventId(record.eventId)) return undefined;
  if (record.clearRecordJson === '') return factDigest(recordMembers(record));
  try {
    return clearFactDigest(record.eventId, JSON.parse(record.clearRecordJson) as ClearRecord);
  } catch {
    return undefined;
  }
}
