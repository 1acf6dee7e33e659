import type { Municipality } from './reference-records.js';

/** `Pedersören kunta` is the official Finnish name; the place is called by its Swedish name in both languages. */
const withoutKunta = ({ nameFi, nameSv }: Municipality): string => (nameFi.endsWith(' kunta') ? nameSv : nameFi);

/**
 * The municipality's name as it is shown. Swedish names of Finnish-only municipalities differ between sources, so there
 * the Finnish name stands (design page 5). English takes the name in the majority's language.
 */
export function municipalityName(municipality: Municipality, language: 'fi' | 'sv' | 'en'): string {
  const { languageClass, nameSv } = municipality;
  switch (language) {
    case 'fi':
      return withoutKunta(municipality);
    case 'sv':
      return languageClass === 'fi' ? withoutKunta(municipality) : nameSv;
    case 'en':
      return languageClass.startsWith('sv') ? nameSv : withoutKunta(municipality);
  }
}
