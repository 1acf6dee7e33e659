import { type ConsentRecord, type LogBody, type Manifest, grantsCover, kindRules, liftingConsents } from '#envelope';
import type { ExchangeId } from '#kernel';
import { pieceNames } from '../domain/evidence-bundle.js';
import { type EvidenceFault, evidenceFault } from '../domain/evidence-fault.js';
import type { ProvedStatement } from './check-statements.js';

interface Entry {
  readonly index: number;
  readonly body: LogBody;
}

const opening = new Set(['message-released', 'message-re-released']);
const ending = new Set(['consent-withdrawn', 'consent-revoked', 'consent-expired', 'consent-invalidated']);

/**
 * Do the pieces belong to one exchange, and did each opened message rest on a basis that the bundle shows: the consent itself,
 * in force at that place of the log and wide enough? A provision is named, not proved: laws stand in no log.
 */
export function* checkBases(
  exchangeId: ExchangeId,
  { entries, statements }: { readonly entries: readonly Entry[]; readonly statements: readonly ProvedStatement[] },
): Generator<EvidenceFault> {
  const manifests = new Map(
    statements.flatMap(({ manifest }) => (manifest ? [[manifest.manifestHash, manifest]] : [])),
  );
  const consents = statements.flatMap(({ consent }) => consent ?? []);
  const named = new Set(entries.flatMap(({ body }) => consentsOf(body).map(({ id }) => id as string)));
  for (const { index, body } of entries) {
    const belongs = body.exchangeId === exchangeId || (body.consent !== undefined && named.has(body.consent.id));
    if (!belongs) yield fault('entry-of-another-exchange', index, 'It belongs to another exchange.');
    if (!opening.has(body.type)) continue;
    const manifest = body.manifestHash && manifests.get(body.manifestHash);
    if (!manifest) {
      yield fault('entry-missing', index, 'The bundle does not show the acceptance of the message that was opened.');
      continue;
    }
    for (const { id, version } of consentsOf(body)) {
      const consent = consents.find((one) => one.id === id && one.version === version);
      const ended = entries.find(
        (entry) => entry.index < index && entry.body.consent?.id === id && ending.has(entry.body.type),
      );
      if (!consent) yield fault('basis-not-shown', index, `Consent ${id}, version ${version}, is not in the bundle.`);
      else if (!covers(consent, manifest))
        yield fault('basis-too-narrow', index, `Consent ${id} does not cover what was opened.`);
      if (ended)
        yield fault('basis-ended', index, `Consent ${id} had ended: entry ${ended.index}, ${ended.body.type}.`);
    }
  }
}

const fault = (kind: Parameters<typeof evidenceFault>[0], index: number, detail: string): EvidenceFault =>
  evidenceFault(kind, pieceNames.body(index), detail);

const consentsOf = ({ basis = [] }: LogBody) => basis.flatMap(({ secrecyLift }) => liftingConsents(secrecyLift));

/** Each category that rests on this consent, from the sender to the recipient. */
function covers({ id, grants }: ConsentRecord, { context }: Manifest): boolean {
  if (kindRules[context.kind].gate !== 'disclosure') return true;
  const { sender: discloser, recipient, basis } = context;
  return basis
    .filter(({ secrecyLift }) => liftingConsents(secrecyLift).some((one) => one.id === id))
    .every(({ categories }) => categories.every((category) => grantsCover(grants, { category, discloser, recipient })));
}
