import { parseArgs } from 'node:util';
import { runDemo } from './demo/run-demo.js';
import { inForeground } from './foreground.js';

const { values } = parseArgs({
  options: {
    once: { type: 'boolean', default: false },
    json: { type: 'string' },
    exchanges: { type: 'string', default: '0' },
  },
});
const exchanges = Number(values.exchanges);
if (!Number.isSafeInteger(exchanges) || exchanges < 0) {
  console.error('--exchanges takes a whole number');
  process.exit(2);
}

await inForeground({ report: (line) => console.error(line) }, (stack) =>
  runDemo(stack, { once: values.once, json: values.json, exchanges }),
);
