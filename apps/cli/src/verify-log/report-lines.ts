import type { LogFault } from '../domain/log-fault.js';
import type { VerifyLogReport } from './verify-log.js';

const label = (text: string): string => `  ${text.padEnd(12)}`;

/** The report for people: what was checked, what is wrong and where. */
export function reportLines(report: VerifyLogReport, key: { readonly id: string; readonly from: string }): string[] {
  const { origin, size, root, entries, erased, bodies, receipts, faults, furtherFaults, gaps } = report;
  return [
    ...(size === undefined
      ? []
      : [
          `Log ${origin}: ${size} entries, root ${root}`,
          `${label('checkpoint')}signed by ${key.id} (${key.from})`,
          `${label('entries')}${entries.opaque} opaque, ${entries.clear} in clear`,
          `${label('bodies')}${bodies === undefined ? 'none exported' : `${bodies} of ${entries.opaque} opaque entries open`}`,
          ...(erased === 0 ? [] : [`${label('erased')}${erased} of them, each named by a tombstone`]),
        ]),
    ...receipts.map(({ path, index, type }) => `${label('receipt')}${path}: entry ${index}, ${type}`),
    ...gaps.map(
      ({ exchangeId, missing }) =>
        `${label('note')}exchange ${exchangeId}: no entry with number ${missing.join(', ')} yet; ask again if it stays so`,
    ),
    ...faults.map(faultLine),
    ...(furtherFaults > 0 ? [`${furtherFaults} further faults.`] : []),
    report.ok
      ? 'Verified: the entries are the ones that the log signed.'
      : `NOT verified: ${faults.length + furtherFaults} fault${faults.length + furtherFaults === 1 ? '' : 's'}.`,
  ];
}

function faultLine({ kind, code, index, eventId, path, detail }: LogFault): string {
  const place = [
    ...(index === undefined ? [] : [`entry ${index}`]),
    ...(eventId === undefined ? [] : [`event ${eventId}`]),
    ...(path === undefined ? [] : [path]),
  ].join(', ');
  return `FAULT ${kind} ${code}${place === '' ? '' : ` at ${place}`}: ${detail}`;
}
