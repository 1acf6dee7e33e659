import { FinnishBusinessIds } from 'finnish-business-ids';

/** Arc of Finnish organisations by Y-tunnus (ISO 15459 / JHS 159). */
const ORGANISATION_ARC = '1.2.246.10.';

/** A Y-tunnus with its hyphen and a correct check digit: `0203026-2`. */
export const isBusinessId = (value: unknown): value is string =>
  typeof value === 'string' && FinnishBusinessIds.isValidBusinessId(value);

/** OID of the organisation: the arc, then the Y-tunnus without hyphen and without zeros in front. */
export function oidOfBusinessId(businessId: string): string {
  if (!isBusinessId(businessId)) throw new TypeError('not a Y-tunnus');
  return ORGANISATION_ARC + businessId.replace('-', '').replace(/^0+/, '');
}

/** Member identifier in the national data exchange layer; municipalities have the member class MUN. */
export const xRoadMemberOfMunicipality = (businessId: string): string => {
  if (!isBusinessId(businessId)) throw new TypeError('not a Y-tunnus');
  return `FI/MUN/${businessId}`;
};
