import { existsSync } from 'node:fs';
import { describe } from '@jest/globals';
import { type Browser, chromium, type Page } from 'playwright-core';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);
/** Skipped by name where there is none. */
export const inBrowser = CHROMIUM === undefined ? describe.skip : describe;
export const startBrowser = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM ?? '', args: ['--no-sandbox'] });

/** Relative luminance and contrast as WCAG 2.2 defines them. */
const channel = (value: number): number => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
const luminance = (rgb: string): number => {
  const [r = 0, g = 0, b = 0] = (rgb.match(/[\d.]+/g) ?? []).map((part) => channel(Number(part) / 255));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
/** The darkest ground that text stands on is the table head's. */
const ground = luminance('rgb(236, 236, 236)') + 0.05;
const leastContrast = 4.5;

interface Seen {
  readonly direction: string;
  /** As the columns of the first table do; undefined without one. */
  readonly runsRightToLeft?: boolean;
  readonly firstHeading: string;
  readonly unscoped: number;
  /** Fields and buttons without a name. */
  readonly unlabelled: number;
  readonly withoutCaption: number;
  readonly overflows: boolean;
  readonly colours: readonly string[];
}

/** Runs in the page, beside its own content policy, which forbids scripts. */
const LOOK = `(() => {
  const cells = [...document.querySelectorAll('thead th')].map((cell) => cell.getBoundingClientRect().left);
  const texts = [...document.querySelectorAll('h1, h2, h3, p, dt, dd, th, td, li, small, caption, label, button')];
  const fields = [...document.querySelectorAll('input:not([type=hidden])')];
  return {
    direction: getComputedStyle(document.body).direction,
    ...(cells.length > 1 ? { runsRightToLeft: cells[0] > cells[1] } : {}),
    firstHeading: document.querySelector('h1, h2, h3')?.tagName,
    unscoped: document.querySelectorAll('th:not([scope])').length,
    unlabelled: fields.filter(({ labels }) => labels.length === 0).length
      + [...document.querySelectorAll('button')].filter(({ innerText }) => innerText.trim() === '').length,
    withoutCaption: document.querySelectorAll('table').length - document.querySelectorAll('table > caption').length,
    overflows: document.documentElement.scrollWidth > window.innerWidth,
    colours: [...new Set(texts.map((element) => getComputedStyle(element).color))],
  };
})()`;

/** What a reader sees or hears of it, and the colours that are too faint to read. */
export async function lookAt(page: Page): Promise<Omit<Seen, 'colours'> & { readonly faint: readonly string[] }> {
  const { colours, ...seen } = await page.evaluate<Seen>(LOOK);
  return { ...seen, faint: colours.filter((colour) => ground / (luminance(colour) + 0.05) <= leastContrast) };
}
