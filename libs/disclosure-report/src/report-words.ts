export const reportLanguages = ['fi', 'sv', 'en'] as const;
export type ReportLanguage = (typeof reportLanguages)[number];

/** Types of acts and codes of refusals that have words. */
const reportCodes = [
  'consent-requested',
  'consent-denied',
  'consent-lapsed',
  'consent-cancelled',
  'consent-recorded',
  'consent-withdrawn',
  'consent-revoked',
  'consent-expired',
  'consent-superseded',
  'consent-invalidated',
  'consent-suspended',
  'consent-resumed',
  'log-search',
  'break-glass-used',
  'break-glass-shown',
  'report-given',
  'report-refused',
  'CONSENT_WITHDRAWN',
  'CONSENT_EXPIRED',
  'CONSENT_INACTIVE',
  'CONSENT_NOT_YET_VALID',
  'CONSENT_TOO_NARROW',
  'CONSENT_USED_UP',
  'NO_BASIS',
] as const;
export type ReportCode = (typeof reportCodes)[number];

export const isReportCode = (code: string): code is ReportCode => (reportCodes as readonly string[]).includes(code);

export interface ReportWords {
  readonly title: string;
  readonly madeBy: string;
  readonly madeAt: string;
  readonly period: string;
  readonly reason: string;
  /** Up to which day, and by the log of how many entries. */
  readonly provedComplete: string;
  readonly intro: string;
  readonly disclosures: string;
  readonly processing: string;
  readonly nothing: string;
  readonly agency: string;
  readonly what: string;
  readonly staff: string;
  readonly notOpened: string;
  readonly opened: string;
  readonly looked: string;
  readonly refused: string;
  readonly consentEvent: string;
  readonly truncated: string;
  readonly rights: string;
  readonly logIndex: string;
  /** What an account from the log does not have. */
  readonly notShown: string;
  /** What an account that is not proved complete does not show. */
  readonly emergenciesSearched: string;
  /** What a code of an entry means, as far as a client is told. */
  readonly codes: Readonly<Record<ReportCode, string>>;
  /** Labels that the client's notice has in more languages; these where no notice is at hand. */
  readonly person: string;
  readonly information: string;
  readonly from: string;
  readonly to: string;
  readonly basis: string;
  readonly when: string;
  readonly purpose: string;
  readonly consent: string;
  readonly law: string;
  readonly withheld: string;
}

/** Words that the client's notice has in the client's language. */
export type ReportLabels = Pick<
  ReportWords,
  'person' | 'information' | 'from' | 'to' | 'basis' | 'when' | 'purpose' | 'consent' | 'law' | 'withheld'
>;

/** The originals, written together. */
export const reportWords: Readonly<Record<ReportLanguage, ReportWords>> = {
  fi: {
    title: 'Selvitys tietojesi käsittelystä ja luovutuksista',
    madeBy: 'Selvityksen antaa',
    madeAt: 'Annettu',
    period: 'Ajalta',
    reason: 'Peruste yli kaksi vuotta vanhoille tiedoille',
    provedComplete: 'Todistettu lokista täydelliseksi (merkintöjä lokissa)',
    intro:
      'Tästä näet, kenelle tietojasi on luovutettu, millä perusteella ja milloin, sekä kuka niitä on käsitellyt. Itse tiedot pyydetään viranomaiselta, jolla ne ovat.',
    disclosures: 'Luovutukset',
    processing: 'Käsittely',
    nothing: 'Ei merkintöjä tältä ajalta.',
    agency: 'Viranomainen',
    what: 'Mitä tehtiin',
    staff: 'Käsittelijä',
    notOpened: 'ei vielä avattu',
    opened: 'Avasi viestin',
    looked: 'Katsoi asiaa',
    refused: 'Avaaminen estettiin',
    consentEvent: 'Suostumusta koskeva toimi',
    truncated: 'Merkintöjä on enemmän kuin tähän mahtuu. Pyydä selvitys lyhyemmältä ajalta.',
    rights:
      'Jos jokin kohta on mielestäsi väärin, kysy siitä selvityksen antajalta. Voit myös tehdä valituksen tietosuojavaltuutetulle.',
    logIndex: 'Lokimerkintä',
    notShown:
      'Valvojien hakuja, joita ei tehty sinusta mutta joissa merkintäsi saattoivat näkyä, ei luetella tässä. Jokaisesta hausta on merkintä lokissa. Jos joku muu katsoi merkintöjäsi hätätilanteessa, jokainen kerta on lueteltu.',
    emergenciesSearched:
      'Hätätilanteessa tehdyt katselut on haettu lokista. Vain valvovan viranomaisen selvitys todistaa, ettei niitä puutu.',
    codes: {
      'consent-requested': 'suostumusta pyydettiin',
      'consent-denied': 'suostumusta ei annettu',
      'consent-lapsed': 'pyyntö raukesi',
      'consent-cancelled': 'pyyntö peruttiin',
      'consent-recorded': 'suostumus kirjattiin',
      'consent-withdrawn': 'suostumus peruutettiin',
      'consent-revoked': 'viranomainen lopetti suostumuksen',
      'consent-expired': 'suostumuksen aika päättyi',
      'consent-superseded': 'uusi suostumus korvasi aiemman',
      'consent-invalidated': 'suostumus todettiin pätemättömäksi',
      'consent-suspended': 'suostumus keskeytettiin',
      'consent-resumed': 'suostumus jatkui',
      'log-search': 'haku lokista',
      'break-glass-used': 'hätätilanteessa',
      'break-glass-shown': 'hätätilanteessa, muiden merkintöjen joukossa',
      'report-given': 'annettiin selvitys käsittelystä',
      'report-refused': 'selvitys käsittelystä evättiin',
      CONSENT_WITHDRAWN: 'suostumus oli peruutettu',
      CONSENT_EXPIRED: 'suostumuksen aika oli päättynyt',
      CONSENT_INACTIVE: 'suostumus ei ollut voimassa',
      CONSENT_NOT_YET_VALID: 'suostumus ei ollut vielä voimassa',
      CONSENT_TOO_NARROW: 'suostumus ei kattanut näitä tietoja',
      CONSENT_USED_UP: 'suostumus oli jo käytetty',
      NO_BASIS: 'perustetta ei ollut',
    },
    person: 'Henkilö',
    information: 'Tiedot',
    from: 'Kuka antoi',
    to: 'Kuka sai',
    basis: 'Peruste',
    when: 'Milloin',
    purpose: 'Mihin tarkoitukseen',
    consent: 'Suostumus',
    law: 'Laki',
    withheld: 'Nimeä ei näytetä',
  },
  sv: {
    title: 'Utredning om behandling och utlämnande av dina uppgifter',
    madeBy: 'Utredningen ges av',
    madeAt: 'Given',
    period: 'För tiden',
    reason: 'Skäl för uppgifter som är äldre än två år',
    provedComplete: 'Bevisat fullständig ur loggen (poster i loggen)',
    intro:
      'Här ser du till vem dina uppgifter har lämnats ut, på vilken grund och när, och vem som har behandlat dem. Själva uppgifterna begärs av den myndighet som har dem.',
    disclosures: 'Utlämnanden',
    processing: 'Behandling',
    nothing: 'Inga anteckningar för denna tid.',
    agency: 'Myndighet',
    what: 'Vad som gjordes',
    staff: 'Handläggare',
    notOpened: 'inte öppnat än',
    opened: 'Öppnade meddelandet',
    looked: 'Såg på ärendet',
    refused: 'Öppningen förhindrades',
    consentEvent: 'Åtgärd om samtycke',
    truncated: 'Anteckningarna är fler än som ryms här. Begär utredningen för en kortare tid.',
    rights:
      'Om du anser att något är fel, fråga den som gav utredningen. Du kan också lämna in ett klagomål till dataombudsmannen.',
    logIndex: 'Loggpost',
    notShown:
      'Tillsynens sökningar som inte gällde dig, men där dina anteckningar kan ha synts, räknas inte upp här. Varje sökning har en post i loggen. Om någon annan såg dina anteckningar i en nödsituation är varje gång uppräknad.',
    emergenciesSearched:
      'Det som setts i en nödsituation har sökts ur loggen. Endast en tillsynsmyndighets utredning bevisar att inget saknas.',
    codes: {
      'consent-requested': 'samtycke begärdes',
      'consent-denied': 'samtycke gavs inte',
      'consent-lapsed': 'begäran förföll',
      'consent-cancelled': 'begäran återtogs',
      'consent-recorded': 'samtycket antecknades',
      'consent-withdrawn': 'samtycket återkallades',
      'consent-revoked': 'myndigheten avslutade samtycket',
      'consent-expired': 'samtyckets tid gick ut',
      'consent-superseded': 'ett nytt samtycke ersatte det tidigare',
      'consent-invalidated': 'samtycket konstaterades ogiltigt',
      'consent-suspended': 'samtycket avbröts',
      'consent-resumed': 'samtycket fortsatte',
      'log-search': 'sökning i loggen',
      'break-glass-used': 'i en nödsituation',
      'break-glass-shown': 'i en nödsituation, bland andra poster',
      'report-given': 'en utredning om behandlingen gavs',
      'report-refused': 'en utredning om behandlingen vägrades',
      CONSENT_WITHDRAWN: 'samtycket var återkallat',
      CONSENT_EXPIRED: 'samtyckets tid hade gått ut',
      CONSENT_INACTIVE: 'samtycket var inte i kraft',
      CONSENT_NOT_YET_VALID: 'samtycket var ännu inte i kraft',
      CONSENT_TOO_NARROW: 'samtycket omfattade inte dessa uppgifter',
      CONSENT_USED_UP: 'samtycket var redan använt',
      NO_BASIS: 'grund saknades',
    },
    person: 'Person',
    information: 'Uppgifter',
    from: 'Vem som gav',
    to: 'Vem som fick',
    basis: 'Grund',
    when: 'När',
    purpose: 'För vilket ändamål',
    consent: 'Samtycke',
    law: 'Lag',
    withheld: 'Namnet visas inte',
  },
  en: {
    title: 'Account of the processing and disclosure of your information',
    madeBy: 'Given by',
    madeAt: 'Given on',
    period: 'For the time',
    reason: 'Reason for information older than two years',
    provedComplete: 'Proved complete from the log (entries in the log)',
    intro:
      'This shows to whom information about you was disclosed, on which basis and when, and who has processed it. Ask for the information itself at the authority that holds it.',
    disclosures: 'Disclosures',
    processing: 'Processing',
    nothing: 'There are no entries for this time.',
    agency: 'Authority',
    what: 'What was done',
    staff: 'Staff member',
    notOpened: 'not opened yet',
    opened: 'Opened the message',
    looked: 'Looked at the matter',
    refused: 'Opening was prevented',
    consentEvent: 'Act on a consent',
    truncated: 'There are more entries than fit in here. Ask for an account of a shorter time.',
    rights:
      'If you think that something is wrong, ask the authority that gave this account. You can also lodge a complaint with the Data Protection Ombudsman.',
    logIndex: 'Log entry',
    notShown:
      'Searches by auditors that were not about you, but in which your entries may have been seen, are not listed here. Each search has an entry in the log. Where anybody else looked at your entries in an emergency, each time is listed.',
    emergenciesSearched:
      'Looks in an emergency were searched for in the log. Only a supervising authority’s account proves that none is left out.',
    codes: {
      'consent-requested': 'consent was asked for',
      'consent-denied': 'consent was not given',
      'consent-lapsed': 'the question lapsed',
      'consent-cancelled': 'the question was cancelled',
      'consent-recorded': 'consent was recorded',
      'consent-withdrawn': 'consent was withdrawn',
      'consent-revoked': 'an authority ended the consent',
      'consent-expired': 'the time of the consent ended',
      'consent-superseded': 'a new consent replaced the earlier one',
      'consent-invalidated': 'the consent was found invalid',
      'consent-suspended': 'the consent was suspended',
      'consent-resumed': 'the consent went on',
      'log-search': 'search in the log',
      'break-glass-used': 'in an emergency',
      'break-glass-shown': 'in an emergency, among other entries',
      'report-given': 'an account of the processing was given',
      'report-refused': 'an account of the processing was refused',
      CONSENT_WITHDRAWN: 'the consent was withdrawn',
      CONSENT_EXPIRED: 'the time of the consent had ended',
      CONSENT_INACTIVE: 'the consent was not in force',
      CONSENT_NOT_YET_VALID: 'the consent was not yet in force',
      CONSENT_TOO_NARROW: 'the consent did not cover this information',
      CONSENT_USED_UP: 'the consent had been used already',
      NO_BASIS: 'there was no basis',
    },
    person: 'Person',
    information: 'Information',
    from: 'Who gave',
    to: 'Who received',
    basis: 'Basis',
    when: 'When',
    purpose: 'For which purpose',
    consent: 'Consent',
    law: 'Law',
    withheld: 'The name is not shown',
  },
};
