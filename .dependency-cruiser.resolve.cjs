// dependency-cruiser asks for a webpack configuration to learn aliases. As Jest does, it reads the libraries' sources, not
// the compiled files that package.json names.
const { readdirSync } = require('node:fs');
const { join } = require('node:path');

const libraries = readdirSync(join(__dirname, 'libs'));

module.exports = {
  resolve: {
    alias: Object.fromEntries(libraries.map((name) => [`#${name}$`, join(__dirname, 'libs', name, 'src', 'index.ts')])),
    extensions: ['.ts', '.js', '.mjs', '.json'],
  },
};
