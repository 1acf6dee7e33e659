import type { Day } from '#calendar';
import { type Holding, categoryAllows, findCategory } from '#catalogue';
import { type AgencyId, partyKindOf } from '#kernel';
import { agencyOfKind, findMunicipality } from './agencies.js';
import type { Municipality } from './reference-records.js';
import { type Route, type RoutingTables, route } from './routing.js';

export interface PlanQuestion {
  readonly asker: AgencyId;
  /** Numbers of the categories that are needed, in the order of importance. */
  readonly categories: readonly number[];
  readonly municipality: string | null;
  readonly clientGroup: string | null;
  readonly day: Day;
}

export interface PlannedRequest {
  readonly agency: AgencyId;
  readonly categories: readonly { readonly number: number; readonly holding: Exclude<Holding, 'none'> }[];
}

export interface RequestPlan {
  readonly requests: readonly PlannedRequest[];
  /** Ask this category from this agency before anything else: only then is it known who answers. */
  readonly askFirst: { readonly agency: AgencyId; readonly category: number } | null;
  readonly unanswered: readonly {
    readonly number: number;
    readonly reason: 'category-unknown' | 'may-not-ask-or-nobody-holds';
  }[];
}

interface Candidate {
  readonly agency: AgencyId;
  readonly number: number;
  readonly holding: Exclude<Holding, 'none'>;
  /** The agency is the one that routing names for the category's duty. */
  readonly routed: boolean;
}

function candidatesFor(
  tables: RoutingTables,
  question: PlanQuestion,
  municipality: Municipality | null,
  number: number,
): { readonly candidates: readonly Candidate[]; readonly routed: Route } | undefined {
  const { asker, clientGroup, day } = question;
  const category = findCategory(tables.reference.catalogue.categories, number, day);
  if (!category) return undefined;
  const routed = route(tables, { municipality: question.municipality, duty: category.duty, clientGroup, day });
  const byKind = [...category.holders, ...category.secondHandHolders].map((kind) => agencyOfKind(kind, municipality));
  const agencies = new Set([routed.answers ? routed.agency : undefined, ...byKind]);
  const candidates = [...agencies].flatMap((agency) => {
    if (agency === undefined || agency === asker) return [];
    const allowed = categoryAllows(category, { asker: partyKindOf(asker), holder: partyKindOf(agency), day });
    const isRouted = routed.answers && routed.agency === agency;
    return allowed.ok ? [{ agency, number, holding: allowed.value, routed: isRouted }] : [];
  });
  return { candidates, routed };
}

/** Fewer parties first; then the one that routing names; then the one that keeps the fact itself. */
const weight = (candidates: readonly Candidate[]): readonly [number, number, number] => [
  candidates.length,
  candidates.filter(({ routed }) => routed).length,
  candidates.filter(({ holding }) => holding === 'own').length,
];

function heaviest(groups: readonly (readonly Candidate[])[]): readonly Candidate[] {
  const [first = [], ...others] = groups;
  return others.reduce((best, group) => {
    const [a, b] = [weight(group), weight(best)];
    const difference = a.map((value, index) => value - (b[index] ?? 0)).find((value) => value !== 0) ?? 0;
    return difference > 0 ? group : best;
  }, first);
}

/**
 * Whom to ask for what, so that a case worker names only the client and the categories. As few parties as possible learn
 * that the person is a client; among equals the one that routing names, then the one whose own fact it is.
 */
export function planRequests(tables: RoutingTables, question: PlanQuestion): RequestPlan {
  const municipality =
    question.municipality === null
      ? null
      : (findMunicipality(tables.reference, question.municipality, question.day) ?? null);
  const unanswered: RequestPlan['unanswered'][number][] = [];
  let askFirst: RequestPlan['askFirst'] = null;
  let open: readonly Candidate[] = [];

  for (const number of new Set(question.categories)) {
    const found = candidatesFor(tables, question, municipality, number);
    if (!found) {
      unanswered.push({ number, reason: 'category-unknown' });
      continue;
    }
    if (found.candidates.length === 0) unanswered.push({ number, reason: 'may-not-ask-or-nobody-holds' });
    if (found.routed.answers && found.routed.askFirst !== null) {
      askFirst = { agency: found.routed.agency, category: found.routed.askFirst };
    }
    open = [...open, ...found.candidates];
  }

  const requests: PlannedRequest[] = [];
  while (open.length > 0) {
    const agencies = [...new Set(open.map(({ agency }) => agency))];
    const chosen = heaviest(agencies.map((agency) => open.filter((candidate) => candidate.agency === agency)));
    const agency = chosen[0]?.agency;
    if (agency === undefined) break;
    requests.push({ agency, categories: chosen.map(({ number, holding }) => ({ number, holding })) });
    const covered = new Set(chosen.map(({ number }) => number));
    open = open.filter(({ number }) => !covered.has(number));
  }
  return { requests, askFirst, unanswered };
}
