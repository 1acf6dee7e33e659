import { UsageError } from './command-outcome.js';

/** Services that consume, and so may set something aside. */
export const consumingServices = ['exchange', 'consent', 'directory', 'audit'] as const;
export type ConsumingService = (typeof consumingServices)[number];

/** A record by its name over all services: `exchange/quarantine/12`. */
export interface RecordName {
  readonly service: ConsumingService;
  readonly place: string;
  readonly id: string;
}

export const recordName = ({ service, place, id }: RecordName): string => `${service}/${place}/${id}`;

/** @throws UsageError */
export function parseRecordName(text: string): RecordName {
  const [, name, place = '', id = ''] = /^([a-z]+)\/(parked|quarantine)\/([1-9]\d{0,17})$/.exec(text) ?? [];
  const service = consumingServices.find((one) => one === name);
  if (!service) throw new UsageError('A record is named as by set-aside list, such as exchange/quarantine/12.');
  return { service, place, id };
}
