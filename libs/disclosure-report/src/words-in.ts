import { reportTranslations } from './report-translations.js';
import { type ReportWords, isReportCode, reportLanguages, reportWords } from './report-words.js';

/** Beside words for which there is no translation yet, in the languages of the house. */
const untranslated = {
  fi: 'Osaa tästä tekstistä ei ole vielä käännetty asiakkaan kielelle. Käy se läpi tulkin kanssa.',
  sv: 'En del av denna text är ännu inte översatt till kundens språk. Gå igenom den med en tolk.',
} as const;

/** Beside words that no translator has checked. */
const unchecked = {
  fi: 'Kääntäjä ei ole vielä tarkistanut tätä tekstiä. Käy se läpi tulkin kanssa.',
  sv: 'Ingen översättare har ännu granskat denna text. Gå igenom den med en tolk.',
} as const;

/** Language and direction of a text, where they are not those of the page. */
export type Written = { readonly language?: 'en'; readonly direction?: 'ltr' };

/** The words of an account in a language, with what is to be said of them in the languages of the house. */
export function wordsIn(language: string): {
  readonly words: ReportWords;
  readonly written: Written;
  readonly notes: Readonly<Record<'fi' | 'sv', string>> | undefined;
} {
  const own = reportLanguages.find((one) => one === language);
  if (own !== undefined) return { words: reportWords[own], written: {}, notes: undefined };
  const translated = reportTranslations[language];
  return translated
    ? { words: { ...reportWords.en, ...translated }, written: {}, notes: unchecked }
    : // What is read in another language runs in that one's direction.
      { words: reportWords.en, written: { language: 'en', direction: 'ltr' }, notes: untranslated };
}

/** How an account tells of a look in an emergency, by the type of its entry. */
export const emergencyLookIn = (words: ReportWords, type: string): string =>
  isReportCode(type) ? `${words.looked}: ${words.codes[type]}` : words.looked;
