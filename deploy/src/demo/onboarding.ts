import { DirectoryServiceClient } from '#contracts';
import { grpcClient } from '#platform';
import { type AgencySystem, type Keys, poll, RefusedByAgent } from './agency-system.js';
import type { Narrator } from './narrator.js';

export interface Joining {
  readonly id: string;
  readonly businessId: string;
  readonly telephone: string;
  readonly nameFi?: string;
  readonly nameSv?: string;
}

const KEYS_IN_LOG = ['signing', 'receiving', 'client-auth', 'recovery'];

/** Operator: enters an agency with the thumbprint that was compared out of band. The same again is harmless. */
export async function register(directoryGrpc: string, agency: Joining, firstKeyThumbprint: string): Promise<void> {
  const directory = grpcClient(DirectoryServiceClient, directoryGrpc, { deadlineMs: 30_000 });
  try {
    await directory.registerAgency({
      id: agency.id,
      businessId: agency.businessId,
      nameFi: agency.nameFi ?? '',
      nameSv: agency.nameSv ?? '',
      contact: {
        functionalMailbox: `kotovayla@${agency.id.toLowerCase()}.example`,
        deputy: '',
        telephone: agency.telephone,
        lastConfirmed: new Date().toISOString().slice(0, 10),
      },
      firstKeyThumbprint,
    });
  } finally {
    directory.close();
  }
}

/** Keys made at the agent, thumbprint compared, records published, each found again in the log by the agent itself. */
export async function onboard(
  directoryGrpc: string,
  agency: Joining,
  system: AgencySystem,
  narrator: Narrator,
): Promise<void> {
  const made = await system.post<Keys>('/v1/onboarding/keys');
  const thumbprint = made.firstKeyThumbprint;
  if (thumbprint === undefined) throw new Error('the agent named no first key');
  await register(directoryGrpc, agency, thumbprint);
  await system.post('/v1/onboarding/publish');
  const { keys } = await poll(
    () => system.get<Keys>('/v1/keys'),
    ({ keys: found }) =>
      KEYS_IN_LOG.every((use) => found.some((key) => key.use === use && key.leafIndex !== undefined)),
    30_000,
    ({ keys: found }) => `keys in the log: ${found.filter(({ leafIndex }) => leafIndex !== undefined).length}`,
  );
  const leaves = keys.flatMap(({ leafIndex }) => leafIndex ?? []).sort((a, b) => a - b);
  narrator.say(
    `${agency.id}: keys made at the agent, thumbprint ${thumbprint.slice(0, 12)}… compared, found in the log at ${leaves.join(', ')}`,
  );
}

/** The first agency makes the pseudonym key; the others get it sealed. On a later start they have it already. */
export async function sharePseudonymKey(
  first: AgencySystem,
  others: readonly AgencySystem[],
  narrator: Narrator,
): Promise<void> {
  const has = async (system: AgencySystem): Promise<boolean> =>
    (await system.get<Keys>('/v1/keys')).keys.some(({ use }) => use === 'pseudonym');
  await first.post('/v1/onboarding/pseudonym-key').catch((error: unknown) => {
    if (!(error instanceof RefusedByAgent) || error.problem.code !== 'CONFLICT') throw error;
  });
  for (const other of others) {
    if (await has(other)) continue;
    // The other's token and mailbox work only once the directory counts it as active.
    await poll(
      () =>
        first.post('/v1/onboarding/pseudonym-key/share', { agency: other.agency }).then(
          () => 'shared',
          (error: unknown) => (error instanceof RefusedByAgent ? error.problem.code : Promise.reject(error as Error)),
        ),
      (outcome) => outcome === 'shared',
      30_000,
      (outcome) => outcome,
    );
  }
  for (const other of others)
    await poll(
      () => has(other),
      Boolean,
      30_000,
      () => `${other.agency} has no pseudonym key`,
    );
  narrator.say(
    `${first.agency} made the pseudonym key; ${others.map(({ agency }) => agency).join(', ')} got it sealed, the hub never has it`,
  );
}
