import { dayInHelsinki } from '#calendar';
import { categoryAllows, findCategory, type Catalogue } from '#catalogue';
import { type AgencyId, AppError, partyKindOf } from '#kernel';
import type { Directory } from '../look-up-directory/directory.js';

export interface RouteWish {
  readonly asker: AgencyId;
  readonly categories: readonly number[];
  readonly municipality: string | undefined;
  /** For all categories; without it each category's own duty. */
  readonly duty: string | undefined;
  readonly clientGroup: string | undefined;
  readonly at: Date;
}

/** The client group of which nothing is known: routing then says whom to ask first. */
const UNKNOWN_GROUP = 'status-unknown';

/**
 * Whom to ask for what. Each category goes to whom the directory names for its duty; one that comes back to the asker itself,
 * or to who may not be asked for it, joins a party that is asked anyway and may have it: as few parties as possible learn
 * that the person is a client.
 *
 * @throws AppError ROUTE_UNKNOWN, CATEGORY_UNKNOWN, UNAVAILABLE
 */
export async function planRecipients(
  directory: Directory,
  catalogue: Catalogue,
  wish: RouteWish,
): Promise<ReadonlyMap<AgencyId, readonly number[]>> {
  const day = dayInHelsinki(wish.at);
  const mayAsk = (category: number, holder: AgencyId): boolean =>
    holder !== wish.asker &&
    categoryAllows(findCategory(catalogue.categories, category, day), {
      asker: partyKindOf(wish.asker),
      holder: partyKindOf(holder),
      day,
    }).ok;

  const plan = new Map<AgencyId, number[]>();
  const left: number[] = [];
  for (const category of wish.categories) {
    const known = findCategory(catalogue.categories, category, day);
    if (!known) throw new AppError('CATEGORY_UNKNOWN', undefined, { category });
    const { agency } = await directory.route({
      municipality: wish.municipality,
      duty: wish.duty ?? known.duty,
      clientGroup: wish.clientGroup ?? UNKNOWN_GROUP,
      day,
      category,
    });
    if (mayAsk(category, agency)) plan.set(agency, [...(plan.get(agency) ?? []), category]);
    else left.push(category);
  }
  for (const category of left) {
    const holder = [...plan.keys()].find((candidate) => mayAsk(category, candidate));
    if (!holder) throw new AppError('ROUTE_UNKNOWN', undefined, { category });
    plan.get(holder)?.push(category);
  }
  return plan;
}
