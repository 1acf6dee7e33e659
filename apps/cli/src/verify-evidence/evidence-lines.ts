import { witnessedLine } from '../domain/witnessed.js';
import type { EvidenceReport } from './verify-evidence.js';
import { firstKeys } from './verify-evidence.js';

const label = (text: string): string => `  ${text.padEnd(12)}`;

/** The report for people: what was proved, what is wrong and where. */
export function evidenceLines(report: EvidenceReport): string[] {
  const { index, transfer, witnessed, faults, gaps, pageNotCompared } = report;
  return [
    ...(index ? [`Exchange ${index.exchangeId}, bundle made by ${index.madeBy} at ${index.madeAt}`] : []),
    ...(transfer
      ? [
          `${label('checkpoint')}${transfer.checkpoint.origin}, ${transfer.checkpoint.size} entries`,
          ...(witnessed ? [`${label('witnessed')}${witnessedLine(witnessed)}`] : []),
          ...transfer.entries.map(({ index: at, body }) => `${label('entry')}${at}: ${body.type}, ${body.at}`),
          ...transfer.statements.map(
            ({ index: at, kind, signer }) => `${label(kind.slice(0, 11))}of entry ${at}: signed by ${signer}`,
          ),
          ...firstKeys(transfer).map(
            ({ agency, thumbprint }) =>
              `${label('first key')}${agency}: ${thumbprint}; compare it with the agency’s word`,
          ),
        ]
      : []),
    ...gaps.map(
      ({ exchangeId, missing }) =>
        `${label('note')}exchange ${exchangeId}: no entry with number ${missing.join(', ')} in it`,
    ),
    ...(pageNotCompared ? [`${label('note')}transfer.pdf was made by another version and is not compared`] : []),
    ...faults.map(({ kind, code, piece, detail }) => `FAULT ${kind} ${code} at ${piece}: ${detail}`),
    report.ok
      ? `Verified: ${transfer?.entries.length ?? 0} entries, ${transfer?.statements.length ?? 0} signed statements, each by a key in the log.`
      : `NOT verified: ${faults.length} fault${faults.length === 1 ? '' : 's'}.`,
  ];
}
