import { setFlagsFromString } from 'node:v8';

/**
 * For who starts the service; Node takes them at its start. Room for the objects of several batches before the first collection, or
 * each one copies entries that wait for their commit. And four times what lives before all is collected, as commits wait for
 * that for a hundredth of a second or two (docs/decisions/0038, point 8).
 */
export const nodeOptions: readonly string[] = ['--max-semi-space-size=32', '--heap-growing-percent=300'];

/**
 * What is made for an entry lives until its commit, some hundredths of a second. V8 takes what survived a few collections in a row
 * as made to last and puts the like into the old generation from the start; there each holds on to all that it names, until a
 * collection of everything, which commits wait for (docs/decisions/0038, point 8).
 */
export function makeObjectsYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
