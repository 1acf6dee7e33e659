import { readStatement, type MessageContext, type SealedMessage } from '#envelope';
import { agencyId, AppError, numericDate, unwrap } from '#kernel';
import { byConsent, HubAgency, type HubAddresses, statute } from '../../../test/e2e/hub-agency.js';
import { poll } from './agency-system.js';
import type { Narrator } from './narrator.js';

/** Business id of the city of Espoo: any with a right check digit serves a municipality of the demo. */
const BUSINESS_ID = '0101263-6';

interface Refusal {
  readonly what: string;
  readonly code: string;
  readonly context: MessageContext;
  readonly sealed: SealedMessage;
}

/**
 * Step 8: a municipality whose system does everything wrong that an agent would not. Each message is refused with its code,
 * the refusal is signed and logged, and the sender finds it in its mailbox.
 *
 * @param candidates municipalities that are not onboarded; the first that is new to this hub is taken
 */
export async function sendWhatMustBeRefused(
  hub: HubAddresses,
  candidates: readonly string[],
  narrator: Narrator,
): Promise<void> {
  const faulty = await joinFirstOf(hub, candidates);
  narrator.say(`${faulty.id} joins with a system that seals by hand and does everything wrong`);
  const county = await HubAgency.create(agencyId('H-03'), hub);
  const countyKey = await faulty.receivingKeyOf(county.id);
  const nobody = await HubAgency.create(agencyId('K-998'), hub);
  const consent = await faulty.recordConsent({ disclosers: [county.id], categories: [10] });
  const now = numericDate(new Date());

  const outside = faulty.context(county, 'request', {
    categories: [12],
    basis: [byConsent([12], consent)],
    recipientKey: countyKey.kid,
  });
  const unknown = faulty.context(nobody, 'request');
  const expired = faulty.context(county, 'request', {
    iat: now - 7_200,
    exp: now - 3_600,
    recipientKey: countyKey.kid,
  });
  const tampered = faulty.context(county, 'request', { basis: [statute([11])], recipientKey: countyKey.kid });
  const sealedTampered = await faulty.seal(countyKey, tampered);
  const last = sealedTampered.outer.at(-2) === 'A' ? 'B' : 'A';
  const refusals: Refusal[] = [
    {
      what: 'a category outside the consent',
      code: 'CONSENT_TOO_NARROW',
      context: outside,
      sealed: await faulty.seal(countyKey, outside),
    },
    {
      what: 'an unknown recipient',
      code: 'RECIPIENT_UNKNOWN',
      context: unknown,
      sealed: await faulty.seal(nobody, unknown),
    },
    {
      what: 'an expired deadline',
      code: 'MESSAGE_EXPIRED',
      context: expired,
      sealed: await faulty.seal(countyKey, expired),
    },
    {
      what: 'a tampered message',
      code: 'HASH_MISMATCH',
      context: tampered,
      sealed: {
        ...sealedTampered,
        outer: `${sealedTampered.outer.slice(0, -2)}${last}${sealedTampered.outer.slice(-1)}`,
      },
    },
  ];
  for (const { what, code, context, sealed } of refusals) {
    const { status, body } = await faulty.post(sealed);
    const { notice } = await faulty.mailUntil(faulty.notice('rejected', context.messageId));
    const { payload } = unwrap(readStatement('outcome', notice!));
    if (payload.code !== code) throw new AppError('CONFLICT', `${what} was refused as ${payload.code ?? 'nothing'}`);
    const logIndex = payload.receipt?.leafIndex;
    const edge = status === 202 ? 'found by the exchange' : `${status} ${body.code ?? ''} at the edge`;
    narrator.say(`${what}: ${code} (${edge}); signed, told to ${faulty.id}, log entry ${logIndex ?? '?'}`);
    narrator.keep({
      id: context.exchangeId,
      from: faulty.id,
      to: context.recipient,
      categories: context.categories,
      basis: code === 'CONSENT_TOO_NARROW' ? 'consent' : 'statute 681/2023-87',
      outcome: `refused: ${code}`,
      logIndex,
    });
  }
}

async function joinFirstOf(hub: HubAddresses, candidates: readonly string[]): Promise<HubAgency> {
  for (const id of candidates) {
    const agency = await HubAgency.create(agencyId(id), hub);
    try {
      await agency.onboard(BUSINESS_ID);
    } catch (error) {
      if (error instanceof AppError && error.code === 'CONFLICT') continue;
      throw error;
    }
    await poll(
      async () => {
        try {
          await agency.accessToken();
          return (await agency.call('GET', '/v1/mailbox?after=0&wait=0')).status;
        } catch {
          return 401;
        }
      },
      (status) => status === 200,
      30_000,
    );
    return agency;
  }
  throw new Error('every municipality has joined this hub already');
}
