import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { NodeCompiler } from '@myriaddreamin/typst-ts-node-compiler';
import type { PdfDocument } from './pdf-document.js';
import { template } from './template.js';

const require = createRequire(import.meta.url);
const folderOf = (name: string): string => dirname(require.resolve(`${name}/package.json`));
const { version } = require('@myriaddreamin/typst-ts-node-compiler/package.json') as { version: string };

/** Names what makes the bytes: the same document gives the same file under the same renderer. */
export const pdfRenderer = `typst-ts-node-compiler ${version}, page 2`;

/** Latin, Cyrillic and Greek in the one, Arabic, Persian and Sorani in the other; OFL. */
const fontFolders = ['400Regular', '700Bold'].flatMap((weight) => [
  join(folderOf('@expo-google-fonts/noto-sans'), weight),
  join(folderOf('@expo-google-fonts/noto-sans-arabic'), weight),
]);

const standards = { archive: 'a-2a', accessible: 'ua-1' } as const;
/**
 * What the fonts have: Latin, Greek, Cyrillic and Arabic script with their marks and punctuation. Another sign, such as one in
 * a name from elsewhere, is shown as missing: a page without it is better than none.
 */
const shown =
  /^(?:\n|[ -~]|[\u00a0-\u024f]|[\u0300-\u0345]|[\u0370-\u03e1\u03f0-\u03ff]|[\u0400-\u052f]|[\u0600-\u06ff]|[\u1e00-\u1eff]|[\u2010-\u2015\u2018-\u2022\u2026\u2030\u2032\u2033\u2039\u203a\u20ac])$/u;
/** Persian needs the one that does not join; the marks say in which direction a piece runs. */
const joiners = /[\u200b-\u200f]/u;
const control = /[\p{Cc}\p{Cs}\p{Cn}]/u;

function printable(text: string): string {
  const signs = [...text.normalize('NFC')].map((sign) => {
    if (sign !== '\n' && control.test(sign)) return '';
    return shown.test(sign) || joiners.test(sign) ? sign : '\ufffd';
  });
  return signs.join('');
}

let compiler: NodeCompiler | undefined;

/**
 * A tagged PDF with real text, title, language and embedded fonts, shaped and ordered for right-to-left scripts too. Reads the
 * fonts of this program and nothing else.
 */
export function renderPdf(document: PdfDocument): Buffer {
  compiler ??= NodeCompiler.create({ fontArgs: [{ fontPaths: fontFolders }] });
  const { madeAt, ...page } = document;
  const made = madeAt.toISOString().match(/\d+/g)?.slice(0, 6).map(Number);
  const data = JSON.stringify({ ...page, made }, (_, value: unknown) =>
    typeof value === 'string' ? printable(value) : value,
  );
  const pdf = compiler.pdf(
    { mainFileContent: template, inputs: { document: data } },
    {
      pdfStandard: standards[document.standard],
      creationTimestamp: Math.floor(madeAt.getTime() / 1_000),
    },
  );
  compiler.evictCache(10);
  return pdf;
}
