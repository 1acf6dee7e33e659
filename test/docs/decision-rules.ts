import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { kindRules } from '#envelope';
import {
  consentRules,
  consentsRules,
  groundRules,
  knownToBoth,
  messageRules,
  type Rule,
  statuteRules,
} from '../../apps/consent/src/domain/decide/rules.js';
import { readScenarioFile, scenarioFilesOf } from '../scenarios/scenario-file.js';

/** What of a rule is told in the page. */
type Told = Omit<Rule<never>, 'broken'>;

interface Group {
  readonly title: string;
  readonly about: string;
  readonly rules: readonly Told[];
}

const groups: readonly Group[] = [
  { title: 'Of every message', about: 'Read from the message, the catalogue and the directory.', rules: messageRules },
  {
    title: 'Of the ground on which each party processes',
    about: 'Asked for each item of the basis. Read from the message and the catalogue.',
    rules: [...groundRules.sender, ...groundRules.recipient],
  },
  {
    title: 'Of a statute that lifts secrecy',
    about: 'Asked for each item that names a statute. Read from the message and the catalogue.',
    rules: statuteRules,
  },
  {
    title: 'Of a consent, before anything else',
    about:
      'Where it is broken, this is all that is told of the consent: unknown, of others, and a version that does not exist have one answer.',
    rules: [knownToBoth],
  },
  {
    title: 'Of each consent',
    about: 'Depend on a stored consent: told only where sender and recipient are both its parties.',
    rules: consentRules,
  },
  {
    title: 'Of all consents of an item together',
    about: 'Depend on stored consents: told only where sender and recipient are parties of all of them.',
    rules: consentsRules,
  },
];

export const allRules: readonly Told[] = groups.flatMap(({ rules }) => rules);

const SPEC = 'apps/consent/src/domain/decide-basis.spec.ts';

/** Names of the tests that expect this rule among their reasons, by rule. */
export function testsByRule(): ReadonlyMap<string, readonly string[]> {
  const tests = new Map<string, string[]>(allRules.map(({ name }) => [name, []]));
  const note = (rule: string, test: string): void => void tests.get(rule)?.push(test);
  for (const path of scenarioFilesOf('scenarios')) {
    for (const { case: name, then } of readScenarioFile(path).cases)
      if (then !== 'permit') for (const reason of then) note(reason.split(' ')[1]!, `${basename(path)}: ${name}`);
  }
  const spec = readFileSync(SPEC, 'utf8');
  for (const [, when, reasons = ''] of spec.matchAll(
    /when: '((?:[^'\\]|\\.)*)',[^[]*?(?:[\s\S]*?)reasons: \[([^\]]*)\]/g,
  ))
    for (const { name } of allRules) if (reasons.includes(`: ${name}'`)) note(name, `${basename(SPEC)}: when ${when}`);
  return tests;
}

const kindsOf = ({ gates }: Told): string => {
  const kinds = Object.entries(kindRules).filter(([, { gate, needsBasis }]) =>
    gates ? gates.includes(gate) : needsBasis,
  );
  return kinds.length === Object.keys(kindRules).length ? 'all' : kinds.map(([kind]) => kind).join(', ');
};

function ruleText(rule: Told, tests: readonly string[]): string[] {
  return [
    `### ${rule.name}`,
    '',
    rule.holds,
    '',
    `- Code: \`${rule.code}\`, ${rule.passing ? 'may pass' : 'final'}`,
    `- Kinds of message: ${kindsOf(rule)}`,
    `- Source: ${rule.source}`,
    `- Held by ${tests.length} tests:`,
    ...tests.map((test) => `  - ${test.replaceAll('<', '&lt;')}`),
    '',
  ];
}

/** The page, from the table of rules and the tests. */
export function decisionRulesPage(): string {
  const tests = testsByRule();
  const overview = allRules.map(
    (rule) =>
      `| [${rule.name}](#${rule.name}) | \`${rule.code}\` | ${rule.passing ? 'may pass' : 'final'} | ${rule.holds} |`,
  );
  return [
    '# What must hold before a message is released',
    '',
    'Made from the table of rules (`apps/consent/src/domain/decide/rules.ts`) and from the tests; a test compares it and says how to make',
    'it anew. The same rules answer beforehand (`POST /v1/basis-checks`), when a message is accepted and when it is released. A refusal',
    'names every rule that is broken. It is final unless all its reasons may pass. A message is judged by the law of its own day, a consent',
    'by the moment of the decision. How the cases are written: [scenarios.md](scenarios.md).',
    '',
    '| rule | code | | what must hold |',
    '| --- | --- | --- | --- |',
    ...overview,
    '',
    ...groups.flatMap(({ title, about, rules }) => [
      `## ${title}`,
      '',
      about,
      '',
      ...rules.flatMap((rule) => ruleText(rule, tests.get(rule.name) ?? [])),
    ]),
  ].join('\n');
}
