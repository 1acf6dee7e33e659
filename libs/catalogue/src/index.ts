export * from './catalogue.js';
export * from './category-rules.js';
export * from './category-schemas.js';
export * from './in-force.js';
export * from './lists.js';
export { type CatalogueLists, listCheck, shapeParts } from './record-shapes.js';
export * from './records.js';
export * from './statute-rules.js';
