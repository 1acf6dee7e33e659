import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { format, resolveConfig } from 'prettier';
import { deciderRoles, neededRoles, roleRules, subjectStandings } from '#envelope';
import { actors, finalStates, storedStates, type TransitionRule, transitions } from './consent-state.js';

const PAGE = 'docs/consent-states.md';

const row = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
const code = (text: string): string => `\`${text}\``;
const codes = (texts: readonly string[]): string => texts.map(code).join(', ');
const rules = Object.entries<TransitionRule>(transitions);

const diagram = [
  '```mermaid',
  'stateDiagram-v2',
  ...rules.flatMap(([name, { from, to }]) =>
    from.map((state) => `  ${state === 'none' ? '[*]' : state} --> ${to}: ${name}`),
  ),
  ...finalStates.map((state) => `  ${state} --> [*]`),
  '```',
].join('\n');

/** Made from the tables that the service decides by, so that it cannot say anything else. */
const page = `# States of a consent

Made from the tables in \`apps/consent/src/domain/consent-state.ts\` and \`libs/envelope/src/decider-rules.ts\`; a test compares
(\`UPDATE_DOCS=1\` writes it anew).

${diagram}

Final states: ${codes(finalStates)}. Nothing leads out of them, and a trigger in the database holds that too.
That the time of a consent is over, that its proposal has lapsed, and that a newer version replaced one, is computed when
deciding; \`expired\` and \`lapsed\` are stored as soon as the sweep has seen it, as a fact for the log and the parties.

## Transitions

Each is brought about by a statement signed by an agency that is a party, except those by the hub, and has an entry in the log.
A person, and who decides for a person, acts through any of the parties.

${table(
  ['transition', 'from', 'to', 'by', 'entry in the log'],
  rules.map(([name, { from, to, by, event }]) => [code(name), codes(from), code(to), codes(by), code(event)]),
)}

Each that may suspend does so for itself: the consent runs again when the last of them has resumed
(\`consent-suspension-lifted\` is the entry of one that resumes while another's suspension stands).
The version that a newer one replaces has an entry \`consent-superseded\`. Actors: ${codes(actors)}.

## Who may decide

${table(
  ['standing of the person', 'who must decide: one of each group'],
  subjectStandings.map((standing) => [
    code(standing),
    neededRoles[standing].map((group) => group.map(code).join(' or ')).join(', and '),
  ]),
)}

${table(
  ['role', 'may decide for', 'states a reference', 'states when it was verified'],
  deciderRoles.map((role) => {
    const { for: standings, reference, verified } = roleRules[role];
    return [code(role), codes(standings), reference ? 'yes' : 'no', verified ? 'yes' : 'no'];
  }),
)}

Custodians state whether custody is sole or joint; where it is joint, both decide. Whoever is excluded for a conflict of
interest decides nothing that opens, and may still withdraw, suspend and refuse; what runs on that decision alone ends.
`;

describe('the page on the states of a consent', () => {
  it('says what the tables say', async () => {
    const formatted = await format(page, { ...(await resolveConfig(PAGE)), filepath: PAGE });
    if (process.env['UPDATE_DOCS']) writeFileSync(PAGE, formatted);
    expect(readFileSync(PAGE, 'utf8')).toBe(formatted);
  });

  it('names every state', () => {
    for (const state of storedStates) expect(page).toContain(code(state));
  });
});
