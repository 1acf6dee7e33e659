// dependency-cruiser asks for a webpack configuration to learn aliases. As Jest does, it reads the libraries' sources, not
// the compiled files that package.json names.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';

const libraries = join(import.meta.dirname, 'libs');

export default {
  resolve: {
    alias: Object.fromEntries(
      readdirSync(libraries).map((name) => [`#${name}$`, join(libraries, name, 'src', 'index.ts')]),
    ),
    extensions: ['.ts', '.js', '.mjs', '.json'],
  },
};
