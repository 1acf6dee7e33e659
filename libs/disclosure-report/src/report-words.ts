export const reportLanguages = ['fi', 'sv', 'en'] as const;
export type ReportLanguage = (typeof reportLanguages)[number];

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

/** The originals, written together. A translator's texts join them as further languages; until then those fall back. */
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
