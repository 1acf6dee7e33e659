import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { format, resolveConfig } from 'prettier';
import type { Period } from '../../apps/audit/src/domain/retention.js';
import { parseRetentionData } from '../../apps/audit/src/infra/retention-data.js';

const PAGE = 'docs/retention.md';

const data = parseRetentionData(JSON.parse(readFileSync('apps/audit/data/retention.json', 'utf8')));
const period = (given: Period | null): string => (given ? `${given.count} ${given.unit}` : 'for good');
const yes = (confirmed: boolean): string => (confirmed ? 'confirmed' : '**not confirmed**');

/** Made from the data that audit erases by, so that it cannot say anything else. */
const page = `# How long the log keeps what, and who confirms it

Made from \`apps/audit/data/retention.json\`, version ${data.version}; a test compares (\`UPDATE_DOCS=1\` writes it anew).

For the lawyer or data protection officer of a controller. The periods below were chosen by the makers of the system, not by
somebody who could say that the Act means them. ${data.classes.filter(({ confirmed }) => !confirmed).length} of ${data.classes.length} classes are not confirmed. As long as one is not, nothing is
erased by it unless the proposing agency accepts it in its signed proposal, and the approving agency in its own.

**Floor**: before it nothing is erased, whoever asks. **Ceiling**: after it the entry is due. The first class that takes an entry is its class.

${data.classes
  .map(
    (one) => `## \`${one.id}\`: ${one.names.fi} (${one.names.en})

- Entries: ${one.types.map((type) => `\`${type}\``).join(', ')}${one.partyKinds.length > 0 ? `, with a party of kind ${one.partyKinds.join(', ')}` : ''}
- Provision: ${one.ground}; ${yes(one.confirmed)}
- Floor: ${period(one.floor)}. Ceiling: ${one.floor ? period(one.ceiling) : 'none'}.
- Because: ${one.source}${one.note === undefined ? '' : `\n- Note: ${one.note}`}${one.open === undefined ? '' : `\n- **To find out**: ${one.open}`}
`,
  )
  .join('\n')}
## How a class is confirmed

1. Read the provision as it is in force, and the questions above. \`kotovayla retention unconfirmed\` lists the same from a running hub;
   \`kotovayla retention due\` says how many entries a class keeps and how many are due.
2. Where the period is another, change \`floor\` or \`ceiling\`; for an Act that changes on a day, end the class by \`validTo\` and add its
   successor with \`validFrom\`.
3. Set \`confirmed\` to true, put section and date of the text that was read into \`source\`, remove \`open\`, and raise \`version\`: each
   tombstone names the version by which it was made.
4. Have the controllers decide it, and keep the reference of the
   decision in \`source\`.

Audit refuses to start where a ceiling lies below its floor, where entries would go by which releases are still decided, and where an
unconfirmed class does not say what is open.
`;

describe('the page on retention', () => {
  it('says what the data say', async () => {
    const text = await format(page, { ...(await resolveConfig(PAGE)), parser: 'markdown' });
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(PAGE, text);
    expect(readFileSync(PAGE, 'utf8')).toBe(text);
  });
});
