export type { HeldKey, KeyMeta, KeyPairPurpose, KeyPurpose } from './vault-content.js';
export { type VaultSecret, createKeyFile } from './vault-secret.js';
export { type KeyListing, type KeysByPurpose, Vault, type VaultLocation, createVault, openVault } from './vault.js';
