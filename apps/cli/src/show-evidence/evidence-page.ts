import { type Basis, type LogBody, type LoggedKeys, liftingConsents } from '#envelope';
import { isAgencyId } from '#kernel';
import type { Checkpoint } from '#merkle';
import type { PdfDocument } from '#pdf';
import type { EvidenceIndex } from '../domain/evidence-bundle.js';
import type { ProvedStatement } from '../verify-evidence/check-statements.js';
import { type EvidenceWords, evidenceWords } from './evidence-words.js';

interface ShownTransfer {
  readonly checkpoint: Checkpoint;
  readonly entries: readonly { readonly index: number; readonly body: LogBody }[];
  readonly statements: readonly ProvedStatement[];
  readonly keys: LoggedKeys;
}

/** The page for people, of proved pieces only: agencies by their ids, because no name is proved by the log. */
export function evidencePage(index: EvidenceIndex, transfer: ShownTransfer): PdfDocument {
  const words = evidenceWords[index.language];
  const { checkpoint, entries, statements } = transfer;
  const subjects = [...new Set(entries.flatMap(({ body }) => body.subjects ?? []))];
  return {
    title: `${words.title} ${index.exchangeId.slice(-8)}`,
    language: index.language,
    direction: 'ltr',
    standard: 'archive',
    madeAt: new Date(index.madeAt),
    blocks: [
      {
        kind: 'facts',
        rows: [
          [words.exchange, index.exchangeId],
          ...subjects.map((subject): [string, string] => [words.subjects, subject]),
          [words.log, checkpoint.origin],
          [words.size, String(checkpoint.size)],
          [words.root, checkpoint.root.toString('base64')],
          [words.signedBy, signersOf(checkpoint).join(', ')],
          [words.madeBy, index.madeBy],
          [words.madeAt, clock(index.madeAt)],
        ],
      },
      { kind: 'note', text: words.note },
      { kind: 'heading', text: words.entries },
      {
        kind: 'table',
        heads: words.entryHeads,
        widths: [1, 2.2, 3, 2.4, 4.6],
        rows: entries.map((entry) => [
          String(entry.index),
          clock(entry.body.at),
          words.types[entry.body.type] ?? entry.body.type,
          partiesOf(entry.body),
          detailsOf(entry.body, words).join('\n'),
        ]),
      },
      { kind: 'heading', text: words.messages },
      {
        kind: 'table',
        heads: words.messageHeads,
        widths: [2, 2, 7],
        rows: statements.flatMap(({ manifest }) =>
          manifest
            ? [
                [
                  partiesOf(manifest.context),
                  manifest.context.categories.join(', '),
                  manifest.context.basis.flatMap((basis) => basisLines(basis, statements, words)).join('\n'),
                ],
              ]
            : [],
        ),
      },
      { kind: 'heading', text: words.statements },
      {
        kind: 'table',
        heads: words.statementHeads,
        widths: [1.4, 2.6, 2, 6],
        rows: statements.map(({ index: at, kind, signer, hash }) => [
          String(at),
          words.kinds[kind] ?? kind,
          signer,
          hash,
        ]),
      },
      { kind: 'heading', text: words.keys },
      { kind: 'table', heads: words.keyHeads, widths: [2, 1.6, 6], rows: keyRows(transfer) },
    ],
  };
}

/** For who opens the file with nothing at hand. */
export const readMeText = ({
  exchangeId,
}: Pick<EvidenceIndex, 'exchangeId'>): string => `Evidence of exchange ${exchangeId}

transfer.pdf            the transfer for people
bundle.json             what is in here
checkpoint, log.vkey    the log's signed tree head, and the key that signed it: compare it with the published one
entries/N.entry         entry N as the Merkle tree hashes it (RFC 6962)
entries/N.tlog-proof    its proof (C2SP tlog-proof)
entries/N.body.json     what it says, and the key by which the entry commits to that (HMAC-SHA-256)
entries/N.KIND.jws      the signed statement (JWS) whose hash the body names
receipts/               receipts that an agency kept, with the proof that the log has grown from them

Verify it offline: kotovayla verify FILE [--verifier-key KEY]
`;

const partiesOf = ({ sender, recipient, actor }: Pick<LogBody, 'sender' | 'recipient' | 'actor'>): string =>
  sender && recipient ? `${sender} › ${recipient}` : (actor?.agency ?? sender ?? recipient ?? '–');

/** Seconds in UTC: where the reader stands changes nothing in evidence. */
const clock = (instant: string): string => new Date(instant).toISOString().slice(0, 19).replace('T', ' ');

/** Names of the note's signature lines. The log's own signature was verified; others are named as they stand. */
const signersOf = ({ note }: Checkpoint): string[] =>
  note.split('\n').flatMap((line) => /^— (\S+) \S+$/.exec(line)?.[1] ?? []);

function detailsOf({ code, actor, consent, exchangeId, seq }: LogBody, words: EvidenceWords): string[] {
  return [
    ...(exchangeId !== undefined && seq !== undefined ? [`${seq}.`] : []),
    ...(consent ? [`${words.consent} ${consent.id}, ${words.version} ${consent.version}`] : []),
    ...(actor?.worker ? [`${words.worker} ${actor.worker}`] : []),
    ...(code ? [`${words.code} ${code}`] : []),
  ];
}

function basisLines(
  { categories, processing, secrecyLift }: Basis,
  statements: readonly ProvedStatement[],
  words: EvidenceWords,
): string[] {
  const provisions = [...new Set([processing.sender, processing.recipient])].join(', ');
  const head = `${categories.join(', ')}: ${provisions}`;
  if ('statute' in secrecyLift)
    return [`${head}; ${secrecyLift.statute.id}, ${words.version} ${secrecyLift.statute.version}`];
  return [
    head,
    ...liftingConsents(secrecyLift).map(({ id, version }) => {
      const consent = statements.find((one) => one.consent?.id === id && one.consent.version === version)?.consent;
      const who = consent
        ? `, ${words.collectedBy} ${consent.collectingAgency}, ${words.validUntil} ${clock(consent.validUntil)}`
        : '';
      return `${words.consent} ${id}, ${words.version} ${version}${who}`;
    }),
  ];
}

/** The keys by which the statements were judged, each once. */
function keyRows({ statements, keys }: ShownTransfer): string[][] {
  const signers = new Map(statements.map(({ signer, kid }) => [kid, signer]));
  return [...signers].map(([kid, signer]) => {
    const agency = isAgencyId(signer) ? keys.keysOf(signer).find((key) => key.kid === kid) : undefined;
    const leaf = (agency ?? keys.hubKey(kid))?.leafIndex;
    return [signer, leaf === undefined ? '–' : String(leaf), kid];
  });
}
