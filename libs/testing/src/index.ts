export * from './free-port.js';
export * from './prepared-database.js';
export * from './stack.js';
export * from './until.js';
