import type { RegisterAgencyRequest } from '#contracts';
import type { CommandOutcome } from '../domain/command-outcome.js';
import { withDirectory } from '../infra/operator-calls.js';

export interface NewAgency {
  readonly agency: string;
  readonly businessId: string;
  /** Of the first signing key, as the agency told it by another way than this network. */
  readonly thumbprint: string;
  readonly nameFi?: string;
  readonly nameSv?: string;
  readonly mailbox?: string;
  readonly deputy?: string;
  readonly telephone?: string;
  /** ISO date. */
  readonly lastConfirmed?: string;
}

/**
 * Registers an agency. It becomes active once its keys stand in the log. Errors: the directory's, MALFORMED and CONFLICT
 * (registered with another first key) among them.
 */
export async function addAgency(directory: string, agency: NewAgency): Promise<CommandOutcome> {
  const { mailbox, deputy, telephone, lastConfirmed } = agency;
  const hasContact = [mailbox, deputy, telephone, lastConfirmed].some((value) => value !== undefined);
  const request: RegisterAgencyRequest = {
    id: agency.agency,
    businessId: agency.businessId,
    nameFi: agency.nameFi ?? '',
    nameSv: agency.nameSv ?? '',
    firstKeyThumbprint: agency.thumbprint,
    contact: hasContact
      ? {
          functionalMailbox: mailbox ?? '',
          deputy: deputy ?? '',
          telephone: telephone ?? '',
          lastConfirmed: lastConfirmed ?? '',
        }
      : undefined,
  };
  await withDirectory(directory, (client) => client.registerAgency(request));
  return {
    ok: true,
    data: { agency: agency.agency, firstKeyThumbprint: agency.thumbprint },
    lines: [`${agency.agency} is registered; it becomes active when its keys stand in the log.`],
  };
}
