import type { AgencyId, Thumbprint } from '#kernel';
import { agency, instant, numericDate, thumbprint } from './fields.js';
import { type PublicJwk, publicJwkShape } from './keys.js';
import { type Check, also, closed, oneOf, optional } from './shape.js';

/**
 * A key of an agency. The first signing key signs its own record (`kid` of the header = its own thumbprint); a later one is
 * signed by the previous signing key or by the recovery key; a later recovery key by the previous recovery key, so that a
 * stolen signing key locks nobody out; all else by the signing key.
 */
export interface KeyRecord {
  v: 1;
  agency: AgencyId;
  /** Those of an auditor are the auditor's own: no agent holds them, and no other key does what they do. */
  use: 'signing' | 'receiving' | 'recovery' | 'client-auth' | 'auditor-signing' | 'auditor-auth';
  jwk: PublicJwk;
  /** Instants between which it may be used. */
  notBefore: string;
  notAfter: string;
  /** An earlier key of the same use whose place it takes: from `until` on nothing new is done with that one. */
  supersedes?: { kid: Thumbprint; until: string };
  iat: number;
}

export interface KeyRevocation {
  agency: AgencyId;
  kid: Thumbprint;
  /** Instant from which it no longer counts. */
  at: string;
  iat: number;
}

/** May a key of that use vouch for a new key? `hasRecovery`: whether a recovery key counts at that moment. */
export const mayVouchFor = (voucher: KeyRecord['use'], use: KeyRecord['use'], hasRecovery: boolean): boolean =>
  use === 'recovery' && hasRecovery
    ? voucher === 'recovery'
    : voucher === 'signing' || (voucher === 'recovery' && use === 'signing');

/** May a key of that use revoke another? The recovery key ends by its own word alone. */
export const mayRevoke = (revoker: KeyRecord['use'], use: KeyRecord['use']): boolean =>
  revoker === 'recovery' || (revoker === 'signing' && use !== 'recovery');

/** A key of a hub service, pinned by configuration elsewhere and logged in clear like every other key. */
export interface HubKeyRecord {
  service: 'audit' | 'consent' | 'exchange' | 'directory';
  use: 'release' | 'permit' | 'outcome' | 'log' | 'receipt';
  jwk: PublicJwk;
  useFrom: string;
  useUntil: string;
  /** Of a release key: after this instant its unopened messages are unreadable for good. */
  destroyAfter?: string;
  /** Of a log key that is not the first: the one before it, by which the checkpoint over this record is signed as well. */
  follows?: Thumbprint;
  /** Of a log key that was announced before: the earlier one that signs no checkpoint over this record any more. */
  retires?: Thumbprint;
  /** Of a log key in use: the one announced after it, which was lost before it took over and signs no checkpoint over this record. */
  withdraws?: Thumbprint;
  iat: number;
}

const inOrder = (from: string, until: string): boolean => Date.parse(from) < Date.parse(until);

// A key for one purpose must not pass for another: Ed25519 cannot receive, X25519 cannot sign.
const fitsUse = (jwk: PublicJwk, receives: boolean): boolean =>
  receives
    ? jwk.crv !== 'Ed25519' && (jwk.alg === undefined || jwk.alg === 'ECDH-ES')
    : jwk.crv !== 'X25519' && jwk.alg !== 'ECDH-ES';

export const keyRecord: Check<KeyRecord> = also(
  closed<KeyRecord>({
    v: oneOf(1),
    agency,
    use: oneOf('signing', 'receiving', 'recovery', 'client-auth', 'auditor-signing', 'auditor-auth'),
    jwk: publicJwkShape,
    notBefore: instant,
    notAfter: instant,
    supersedes: optional(closed<NonNullable<KeyRecord['supersedes']>>({ kid: thumbprint, until: instant })),
    iat: numericDate,
  }),
  ({ use, jwk, notBefore, notAfter, supersedes, iat }) =>
    fitsUse(jwk, use === 'receiving') &&
    inOrder(notBefore, notAfter) &&
    !(use === 'recovery' && supersedes) &&
    // What a key did before it was replaced stays as it was.
    (supersedes === undefined || Date.parse(supersedes.until) >= iat * 1_000),
);

export const keyRevocation: Check<KeyRevocation> = closed<KeyRevocation>({
  agency,
  kid: thumbprint,
  at: instant,
  iat: numericDate,
});

export const hubKeyRecord: Check<HubKeyRecord> = also(
  closed<HubKeyRecord>({
    service: oneOf('audit', 'consent', 'exchange', 'directory'),
    use: oneOf('release', 'permit', 'outcome', 'log', 'receipt'),
    jwk: publicJwkShape,
    useFrom: instant,
    useUntil: instant,
    destroyAfter: optional(instant),
    follows: optional(thumbprint),
    retires: optional(thumbprint),
    withdraws: optional(thumbprint),
    iat: numericDate,
  }),
  ({ service, use, jwk, useFrom, useUntil, follows, retires, withdraws }) =>
    fitsUse(jwk, use === 'release') &&
    inOrder(useFrom, useUntil) &&
    ((follows ?? retires ?? withdraws) === undefined || (service === 'audit' && use === 'log')) &&
    [follows, retires, withdraws].filter((said) => said !== undefined).length <= 1,
);
