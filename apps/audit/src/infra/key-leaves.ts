import type { AgencyKey } from '#contracts';
import { decodeEntry, readStatement, thumbprintOf } from '#envelope';
import { canonicalJson } from '#kernel';
import type { Queryable } from './log-store.js';
import { auditSchema as s } from './schema.js';

/** Says whether a key of the directory's snapshot is what a clear leaf of the log says. */
export type KeyProof = (key: AgencyKey) => Promise<boolean>;

/**
 * Looks the leaf up in audit's own log: a directory that lies must not be able to make a key count that no agency can see
 * (design 2, First trust). What the leaf says, validity included, must be what the directory says; only the end may come
 * earlier, when a later key has taken its place (decision 0017).
 */
export const keyLeaves =
  (client: Queryable): KeyProof =>
  async (key) => {
    const { rows } = await client.query<{ entry: Buffer }>({
      name: `${s}.key-leaf`,
      text: `SELECT entry FROM ${s}.entry WHERE leaf_index = $1`,
      values: [String(key.leafIndex)],
    });
    const decoded = rows[0] && decodeEntry(rows[0].entry);
    if (!decoded?.ok || decoded.value.kind !== 'clear' || decoded.value.record.type !== 'agency-key') return false;
    const logged = readStatement('agency-key', decoded.value.record.record);
    if (!logged.ok) return false;
    const { agency, use, jwk, notBefore, notAfter } = logged.value.payload;
    return (
      agency === key.agency &&
      use === key.use &&
      (await thumbprintOf(jwk)) === key.kid &&
      canonicalJson(jwk) === canonicalJson(JSON.parse(key.jwkJson)) &&
      Date.parse(notBefore) === key.notBefore?.getTime() &&
      key.notAfter !== undefined &&
      key.notAfter.getTime() <= Date.parse(notAfter)
    );
  };
