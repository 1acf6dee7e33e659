import { type AgencyId, type Sha256, canonicalJson, sha256 } from '#kernel';
import { agency, hash, numericDate } from './fields.js';
import { type Check, closed, oneOf } from './shape.js';

/** Ends of a message that its recipient need not have had. */
export const unopenedEnds = ['expired', 'withdrawn', 'undeliverable', 'discarded'] as const;
export type UnopenedEnd = (typeof unopenedEnds)[number];

/** One agency's view of what went between it and another one: hashes of the manifests of messages and nothing else. */
export interface DisclosureView {
  readonly v: 1;
  readonly agency: AgencyId;
  readonly counterpart: AgencyId;
  /** That the hub took from it for the other one. */
  readonly sent: readonly Sha256[];
  /** That the hub brought it from the other one. */
  readonly received: readonly Sha256[];
  /** Of those sent the ones that ended, as the hub told it: the other one may have had them before, or never. */
  readonly ended: readonly { readonly hash: Sha256; readonly as: UnopenedEnd }[];
}

/** An agency's word that this was its view at that moment. */
export interface DisclosureViewStatement {
  v: 1;
  agency: AgencyId;
  counterpart: AgencyId;
  /** SHA-256 over the view as canonical JSON: a view may be of any length. */
  viewHash: Sha256;
  iat: number;
}

export const disclosureViewHash = (view: DisclosureView): Sha256 => sha256(canonicalJson(view));

export const disclosureViewStatement: Check<DisclosureViewStatement> = closed<DisclosureViewStatement>({
  v: oneOf(1),
  agency,
  counterpart: agency,
  viewHash: hash,
  iat: numericDate,
});
