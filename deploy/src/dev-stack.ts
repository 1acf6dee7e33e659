import { defaultDataFolder } from './clone.js';
import { inForeground } from './foreground.js';

// `npm run stack [-- FOLDER]`: PostgreSQL and Kafka alone, for work on a single service or test.
const [dataFolder = defaultDataFolder] = process.argv.slice(2);

await inForeground({ dataFolder, report: (line) => console.error(line) }, async (stack) => {
  for (const [name, value] of Object.entries(stack.environment)) console.log(`export ${name}=${value}`);
  console.error('Ctrl-C stops it.');
  return new Promise<number>(() => undefined);
});
