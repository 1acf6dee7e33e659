export const auditSchema = 'audit';

/** SQL for the number of the chain whose name a parameter gives; NULL where nothing was ever logged about it. */
export const chainNamed = (parameter: string): string =>
  `(SELECT id FROM ${auditSchema}.chain WHERE name = ${parameter})`;

/** SQL for whether the chain of this number has a place at this leaf. */
export const hasPlace = (chain: string, leaf: string): string =>
  `coalesce((SELECT ${leaf} = ANY (run.leaves) FROM ${auditSchema}.chain_run AS run
     WHERE run.chain = ${chain} AND run.last_leaf >= ${leaf} ORDER BY run.last_leaf LIMIT 1), false)`;

/** SQL for the places of chains, with the runs in which they stand: `place.leaf_index`, and `place.at` from 1 within the run. */
export const placesOfRuns = `${auditSchema}.chain_run AS run
  CROSS JOIN LATERAL unnest(run.leaves) WITH ORDINALITY AS place (leaf_index, at)`;

/** SQL for which of them are of one chain and within [from, end): by the index alone, however long the chain goes on. */
export const placesWithin = (chain: string, from: string, end: string): string =>
  `run.chain = ${chain} AND run.last_leaf >= ${from} AND run.last_leaf <= coalesce(
     (SELECT min(last_leaf) FROM ${auditSchema}.chain_run WHERE chain = ${chain} AND last_leaf >= (${end}) - 1), ${end})
   AND place.leaf_index >= ${from} AND place.leaf_index < ${end}`;
