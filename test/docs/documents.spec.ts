import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';

const root = fileURLToPath(new URL('../..', import.meta.url));

const documents = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];

interface Link {
  readonly text: string;
  /** Path below the clone. */
  readonly target: string;
}

/** Links to files of the clone. */
function linksOf(document: string): Link[] {
  const text = readFileSync(join(root, document), 'utf8');
  return [...text.matchAll(/\[([^\]]+)\]\(([^)#\s]+)\)/g)]
    .map(([, label = '', target = '']) => ({ text: label, target }))
    .filter(({ target }) => !/^[a-z]+:/.test(target))
    .map(({ text: label, target }) => ({ text: label, target: relative(root, join(root, dirname(document), target)) }));
}

/** A quoted name before a link to a spec is that of a test. */
const citedTest = ({ text, target }: Link): string | undefined =>
  target.endsWith('.spec.ts') ? /^“(.+)”$/s.exec(text)?.[1]?.replaceAll(/\s+/g, ' ') : undefined;

/** As it stands in the source: in quotes of either kind, escaped where it has to be. */
function nameStandsIn(file: string, name: string): boolean {
  const source = readFileSync(join(root, file), 'utf8');
  return [`'${name}'`, `"${name}"`, `\`${name}\``, `'${name.replaceAll("'", "\\'")}'`].some((text) =>
    source.includes(text),
  );
}

describe('the documents', () => {
  it.each(documents)('%s links to files that exist', (document) => {
    const missing = linksOf(document).filter(({ target }) => !existsSync(join(root, target)));
    expect(missing).toEqual([]);
  });

  it.each(documents)('%s names tests that exist', (document) => {
    const missing = linksOf(document).filter((link) => {
      const name = citedTest(link);
      return name !== undefined && existsSync(join(root, link.target)) && !nameStandsIn(link.target, name);
    });
    expect(missing).toEqual([]);
  });

  it('name files that exist', () => {
    const mentioned = documents.flatMap((document) =>
      [
        ...readFileSync(join(root, document), 'utf8').matchAll(
          /`((?:apps|libs|test|deploy)\/[\w./-]+\.(?:ts|mjs|json))`/g,
        ),
      ].map(([, path = '']) => path),
    );
    expect(mentioned.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('name a test for each threat that is not left open', () => {
    const threats = readFileSync(join(root, 'docs/threat-model.md'), 'utf8')
      .split(/\n\n/)
      .filter((paragraph) => /^\*\*[A-Z]\d+ /.test(paragraph));
    expect(threats.length).toBeGreaterThan(30);
    expect(threats.filter((paragraph) => !/spec\.ts/.test(paragraph) && !paragraph.includes('_Open:_'))).toEqual([]);
  });
});
