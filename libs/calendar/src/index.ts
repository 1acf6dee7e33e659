export * from './closed-days.js';
export * from './day.js';
export * from './deadline.js';
export * from './working-days.js';
