export * from './free-port.js';
export * from './stack.js';
export * from './until.js';
