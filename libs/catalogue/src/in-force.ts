import type { Day } from '#calendar';
import type { Validity } from './records.js';

/** Both ends are included. */
export const inForce = ({ validFrom, validTo }: Validity, day: Day): boolean =>
  validFrom <= day && (validTo === null || day <= validTo);
