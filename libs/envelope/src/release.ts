/** From capsule to opened message, in the order of design page 2, "Layers" 4, 6 and 7. */
export { type OpenedCapsule, capsuleKid, checkCapsule, openCapsule } from './capsule.js';
export * from './release-request.js';
export * from './permit.js';
export { type ReleasedKey, openReleasedKey, sealReleasedKey } from './released-key.js';
