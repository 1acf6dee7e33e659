export * from './app-error.js';
export * from './clock.js';
export * from './digest.js';
export * from './error-codes.js';
export * from './ids.js';
export * from './result.js';
