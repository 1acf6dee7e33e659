export const auditSchema = 'audit';

/** SQL for the number of the chain whose name a parameter gives; NULL where nothing was ever logged about it. */
export const chainNamed = (parameter: string): string =>
  `(SELECT id FROM ${auditSchema}.chain WHERE name = ${parameter})`;
