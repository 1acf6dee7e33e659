import { type AgencyId, AppError, err, ok, type Result } from '#kernel';
import { type AnswerItem, type Officer, remedy, type Texts } from './content.js';

/** What an adapter found. It proposes; whether it leaves is decided apart. */
export type Draft =
  | {
      readonly outcome: 'given';
      readonly content: Readonly<Record<string, unknown>>;
      readonly asOf: string;
      readonly source: string;
    }
  | { readonly outcome: 'no-record'; readonly asOf: string; readonly source: string }
  | {
      readonly outcome: 'refused';
      readonly reason: string;
      readonly provisions?: readonly string[];
      readonly holder?: AgencyId;
    };

/** What leaves, and who answers for it: a person, or the register alone. */
export interface Decision {
  readonly item: AnswerItem;
  readonly by: Officer | 'register';
  /** Instant of the decision. */
  readonly at: string;
}

/** A refusal reason of the catalogue, as far as a refusal needs it. */
export interface RefusalWording {
  readonly code: string;
  readonly texts: Texts;
  readonly provisions: readonly string[];
  readonly namesHolder: boolean;
  /** Waits for the refusal window, so that its delay tells nothing. */
  readonly delayed: boolean;
}

/** The reason that also covers "there is no such client, and the basis does not cover saying so". */
export const NOT_DISCLOSED = 'not-disclosed';

/**
 * The words of a refusal are the catalogue's and nothing else: a worker's own words, or none for an unknown person, would
 * show which of the two it is. Provisions may be chosen, for they say on what and not about whom.
 *
 * Errors: MALFORMED (a reason that must name the holder does not, or another does).
 */
export function refusedItem(
  category: number,
  reason: RefusalWording,
  choice: { readonly provisions?: readonly string[]; readonly holder?: AgencyId } = {},
): Result<AnswerItem> {
  if (reason.namesHolder !== (choice.holder !== undefined))
    return err(new AppError('MALFORMED', 'exactly the reason not-holder names a holder', { category }));
  // Reasons that must not show anything take the catalogue's provisions as well.
  const provisions = reason.delayed ? reason.provisions : (choice.provisions ?? reason.provisions);
  return ok({
    category,
    outcome: 'refused',
    reason: reason.code,
    provisions,
    text: reason.texts,
    remedy,
    ...(choice.holder === undefined ? {} : { holder: choice.holder }),
  });
}

/**
 * What a register without a row means. Where the basis covers saying so it is a lawful "no"; else it is refused in the words
 * of any refusal.
 */
export const draftOfNoRow = (basisCovers: boolean, asOf: string, source: string): Draft =>
  basisCovers ? { outcome: 'no-record', asOf, source } : { outcome: 'refused', reason: NOT_DISCLOSED };

/**
 * May a draft leave without a person? Only where the adapter may, and the catalogue leaves no decision to a person. A refusal
 * that must tell nothing never does: coming from a register alone it would show that no person had anything to refuse.
 */
export const leavesByItself = (
  settings: { readonly autoSend: boolean },
  category: { readonly decides: boolean },
  refusal: Pick<RefusalWording, 'delayed'> | undefined,
): boolean => settings.autoSend && !category.decides && !(refusal?.delayed ?? false);

/**
 * May these decisions leave? Every category that the catalogue marks "decides" needs a person by name, title and unit.
 * Errors: APPROVAL_REQUIRED with the first category that lacks one, or that is not decided at all.
 */
export function mayLeave(
  items: readonly { readonly category: number; readonly decision: Decision | null }[],
  decides: (category: number) => boolean,
): Result<void> {
  const missing = items.find(
    ({ category, decision }) => decision === null || (decides(category) && decision.by === 'register'),
  );
  return missing ? err(new AppError('APPROVAL_REQUIRED', undefined, { category: missing.category })) : ok(undefined);
}

/**
 * When an answer leaves. What contains a refusal that must tell nothing waits for the window: the next full `everySeconds`
 * of the clock that lies at least `afterSeconds` after opening and not before the decision. So the moment says neither
 * whether a person or a register refused, nor how long somebody looked.
 */
export function releaseTime(
  window: { readonly afterSeconds: number; readonly everySeconds: number },
  times: { readonly openedAt: Date; readonly decidedAt: Date; readonly delayed: boolean },
): Date {
  if (!times.delayed) return times.decidedAt;
  const earliest = Math.max(times.openedAt.getTime() + window.afterSeconds * 1_000, times.decidedAt.getTime());
  const step = window.everySeconds * 1_000;
  return new Date(Math.ceil(earliest / step) * step);
}
