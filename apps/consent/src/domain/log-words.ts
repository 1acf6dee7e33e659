import { type Consent, finalStates, type StoredState, type Transition, transitions } from './consent-state.js';

/** One entry of the log about a consent. */
export interface LogWord {
  /** Type of the entry. */
  readonly type: string;
  readonly version: number;
  readonly at: Date;
}

/** What a word that the tables do not know changes. */
export type Replayed =
  | { readonly kind: 'moves'; readonly act: Transition; readonly to: StoredState }
  /** A record that was lost: the versions before it hold no more. */
  | { readonly kind: 'supersedes'; readonly version: number }
  | { readonly kind: 'nothing' };

/** By type of the entry: what brings a stored consent nearer to its end, or back from a suspension. */
const replayable: Readonly<Partial<Record<string, Transition>>> = Object.fromEntries(
  (
    [
      'withdraw',
      'revoke',
      'invalidate',
      'expire',
      'deny',
      'cancel',
      'lapse',
      'suspend',
      'resume',
    ] satisfies Transition[]
  ).map((act) => [transitions[act].event, act]),
);

/**
 * What must still happen to a stored consent because the log says so. Only what gives less, or follows the log exactly: a
 * record that was lost is not made up.
 */
export function replay(word: LogWord, stored: Pick<Consent, 'state' | 'version'>): Replayed {
  if (finalStates.includes(stored.state)) return { kind: 'nothing' };
  if (word.type === 'consent-recorded' && word.version > stored.version)
    return { kind: 'supersedes', version: word.version };
  if (word.type === 'consent-superseded' && word.version >= stored.version)
    return { kind: 'supersedes', version: word.version + 1 };
  const act = replayable[word.type];
  if (act === undefined) return { kind: 'nothing' };
  const { to } = transitions[act];
  // Of an earlier version: the record that came after it has set that aside. An end is an end of all versions.
  if (word.version < stored.version && !finalStates.includes(to)) return { kind: 'nothing' };
  return to === stored.state ? { kind: 'nothing' } : { kind: 'moves', act, to };
}
