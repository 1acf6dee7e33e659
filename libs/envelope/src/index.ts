export { parseAlertNotice } from './alert-notice.js';
export { type Basis, type ConsentVersion, type SecrecyLift, consentsNamedBy, liftingConsents } from './basis.js';
export * from './entry-places.js';
export { type ExcludedDeciders, judgeDeciders, neededRoles, restsOnExcluded, roleRules } from './decider-rules.js';
export {
  consentTermsFromJsonLd,
  consentTermsToJsonLd,
  exportConsentJsonLd,
  readConsentJsonLd,
  verifyConsentJsonLd,
} from './consent-jsonld.js';
export {
  type KindRule,
  type MessageContext,
  type MessageKind,
  contextHash,
  kindRules,
  messageKinds,
  parseContext,
} from './context.js';
// For conformance tests with vectors made elsewhere, which have no kid or typ of ours.
export { type ContentEncryption, decryptToken, verifySignature } from './compact-crypto.js';
export { type DisclosureView, type UnopenedEnd, disclosureViewHash, unopenedEnds } from './disclosure-view.js';
export { mostSubjects } from './fields.js';
export {
  ClearListDigest,
  type ListedEntry,
  clearListDigest,
  clearListFile,
  formatClearList,
  listedEntryOf,
  parseClearList,
} from './clear-list.js';
export { clearFactDigest, factDigest } from './fact-digest.js';
export type { JsonObject, JsonValue, SubjectIdentity } from './inner.js';
export { mayRevoke, mayVouchFor } from './key-record.js';
export { isSamePerson, joinedWith, type JoinedPseudonyms, linksBetween } from './joined-pseudonyms.js';
export * from './keys.js';
export { canonicalBody } from './canonical-body.js';
export { commitmentKeyOf, newEntrySecret, sealingKeyOf } from './entry-keys.js';
export * from './key-encryption-key.js';
export {
  type LogKeyChain,
  type LogKeyLink,
  followLogKeys,
  formatLogKeyLinks,
  logKeyChain,
  logKeysFile,
  parseLogKeyLinks,
} from './log-key-chain.js';
export * from './log-entry.js';
export * from './seal-entries.js';
export {
  agencyNamedBy,
  type ClearChange,
  type LoggedHubKey,
  type LoggedKey,
  LoggedKeys,
  usableAt,
} from './logged-keys.js';
export { type Manifest, checkParts, readManifest, signManifest, verifyManifest } from './manifest.js';
export * from './open-entry.js';
export * from './open-message.js';
export { maxContentBytes } from './profile.js';
export { openPseudonymKey, sealPseudonymKey, type SharedPseudonymKey } from './pseudonym-key.js';
export * from './pseudonyms.js';
export { type Receipt, type ReceiptToVerify, parseReceipt, verifyReceipt } from './receipt.js';
export * from './release.js';
export * from './seal-message.js';
export * from './statements.js';
export * from './verify-complete.js';
export { type IndexRange, type Tombstone, countOf, indicesOf, maxTombstoneRanges, rangesOf } from './tombstone.js';
