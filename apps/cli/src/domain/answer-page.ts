import {
  type AnsweredEntry,
  type Chain,
  type ErasedNumber,
  type LogBody,
  parseLogBody,
  parsePlaceOpening,
} from '#envelope';
import { isAgencyId, isPseudonym, unwrap } from '#kernel';
import { indexOf, listOf, recordOf, textOf, unexpected } from './answer-members.js';

/** One opened entry of an answer. */
export interface FoundEntry {
  readonly leafIndex: number;
  readonly body: LogBody;
  /** With its place, where the answer is about one chain. */
  readonly answered: AnsweredEntry | undefined;
}

/** One page of a search's answer, parsed; nothing is verified. */
export interface AnswerPage {
  readonly entries: readonly FoundEntry[];
  readonly cursor: string | undefined;
  readonly searchLeaf: number;
  readonly chain: Chain | undefined;
  /** Entries of the chain that bound the answer, without their bodies. */
  readonly bounds: readonly AnsweredEntry[];
  readonly erased: readonly ErasedNumber[];
}

/** @throws AppError UNAVAILABLE where the gateway answers in another shape */
export function parseAnswerPage(answer: Readonly<Record<string, unknown>>): AnswerPage {
  const { cursor, chain } = answer;
  return {
    entries: listOf(answer['entries']).map(foundEntry),
    cursor: cursor === undefined ? undefined : textOf(cursor),
    searchLeaf: indexOf(answer['searchLeaf']),
    chain: chain === undefined ? undefined : chainOf(chain),
    bounds: [answer['before'], answer['after']].filter((bound) => bound !== undefined).map(boundary),
    erased: listOf(answer['erased']).map((one) => ({
      leafIndex: indexOf(one['leafIndex']),
      number: indexOf(one['number']),
    })),
  };
}

function foundEntry(entry: Record<string, unknown>): FoundEntry {
  const leafIndex = indexOf(entry['leafIndex']);
  const body = textOf(entry['body']);
  const commitmentKey = Buffer.from(textOf(entry['commitmentKey']), 'base64');
  return {
    leafIndex,
    body: unwrap(parseLogBody(parsed(body))),
    answered:
      entry['place'] === undefined
        ? undefined
        : { leafIndex, place: unwrap(parsePlaceOpening(entry['place'])), content: { body, commitmentKey } },
  };
}

const boundary = (bound: unknown): AnsweredEntry => {
  const { leafIndex, entry, place } = recordOf(bound);
  return {
    leafIndex: indexOf(leafIndex),
    place: unwrap(parsePlaceOpening(place)),
    content: { entry: Buffer.from(textOf(entry), 'base64') },
  };
};

function chainOf(value: unknown): Chain {
  if (!isAgencyId(value) && !isPseudonym(value)) throw unexpected();
  return value;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw unexpected();
  }
}
