import type { EvidenceLanguage } from '../domain/evidence-bundle.js';

export interface EvidenceWords {
  readonly title: string;
  readonly exchange: string;
  readonly log: string;
  readonly size: string;
  readonly root: string;
  readonly signedBy: string;
  readonly madeBy: string;
  readonly madeAt: string;
  readonly note: string;
  readonly entries: string;
  readonly entryHeads: readonly [index: string, at: string, what: string, parties: string, details: string];
  readonly messages: string;
  readonly messageHeads: readonly [parties: string, categories: string, basis: string];
  readonly consent: string;
  readonly version: string;
  readonly collectedBy: string;
  readonly validUntil: string;
  readonly statements: string;
  readonly statementHeads: readonly [index: string, kind: string, signer: string, hash: string];
  readonly keys: string;
  readonly keyHeads: readonly [signer: string, index: string, thumbprint: string];
  readonly worker: string;
  readonly code: string;
  readonly subjects: string;
  readonly types: Readonly<Record<string, string>>;
  readonly kinds: Readonly<Record<string, string>>;
}

/** Words of the page for people, in the languages of the authorities and English. What has no word shows its code. */
export const evidenceWords: Readonly<Record<EvidenceLanguage, EvidenceWords>> = {
  fi: {
    title: 'Todisteet tietojen siirrosta',
    exchange: 'Asiointi',
    log: 'Loki',
    size: 'Merkintöjä lokissa',
    root: 'Puun juuri',
    signedBy: 'Tarkistuspisteen allekirjoittajat',
    madeBy: 'Koonnut',
    madeAt: 'Koottu',
    note: 'Tämä sivu toistaa paketin tiedot luettavassa muodossa. Paketti tarkistetaan ilman verkkoa komennolla "kotovayla verify TIEDOSTO"; komento vertaa myös tämän sivun todisteisiin. Sisältöä ei ole mukana: lokissa sitä ei ole.',
    entries: 'Lokimerkinnät',
    entryHeads: ['Nro', 'Aika (UTC)', 'Tapahtuma', 'Keneltä › kenelle', 'Tarkemmin'],
    messages: 'Viestit ja niiden perusteet',
    messageHeads: ['Keneltä › kenelle', 'Tietoryhmät', 'Peruste'],
    consent: 'suostumus',
    version: 'versio',
    collectedBy: 'kerännyt',
    validUntil: 'voimassa enintään',
    statements: 'Allekirjoitetut lausumat',
    statementHeads: ['Merkintä', 'Laji', 'Allekirjoittaja', 'Tiiviste'],
    keys: 'Allekirjoitusavaimet lokissa',
    keyHeads: ['Kenen', 'Merkintä', 'Avaimen tunniste (RFC 7638)'],
    worker: 'käsittelijän peitenimi',
    code: 'koodi',
    subjects: 'asiakkaan peitenimi',
    types: {
      'message-accepted': 'Viesti hyväksytty välitettäväksi',
      'message-rejected': 'Viesti hylätty',
      'message-delivered': 'Viesti toimitettu',
      'message-released': 'Viesti luovutettu avattavaksi',
      'message-re-released': 'Viesti luovutettu uudelleen',
      'release-refused': 'Avaaminen estetty',
      'message-expired': 'Viesti vanhentunut',
      'message-withdrawn': 'Viesti peruttu',
      'message-undeliverable': 'Viestiä ei voitu toimittaa',
      'exchange-answered': 'Pyyntöön vastattu',
      'exchange-refused': 'Pyynnöstä kieltäydytty',
      'consent-recorded': 'Suostumus kirjattu',
      'consent-superseded': 'Suostumus korvattu uudella',
      'consent-withdrawn': 'Suostumus peruutettu',
      'consent-expired': 'Suostumus päättynyt',
    },
    kinds: {
      manifest: 'viestin kuori',
      'release-request': 'avauspyyntö',
      permit: 'avauslupa',
      'permit-refusal': 'avausluvan epääminen',
      consent: 'suostumus',
      'consent-act': 'suostumusta koskeva toimi',
      outcome: 'lopputulos',
    },
  },
  sv: {
    title: 'Bevis om överföring av uppgifter',
    exchange: 'Ärende',
    log: 'Logg',
    size: 'Poster i loggen',
    root: 'Trädets rot',
    signedBy: 'Kontrollpunktens undertecknare',
    madeBy: 'Sammanställt av',
    madeAt: 'Sammanställt',
    note: 'Den här sidan återger paketets uppgifter i läsbar form. Paketet kontrolleras utan nät med kommandot "kotovayla verify FIL", som också jämför sidan med bevisen. Innehållet ingår inte: det finns inte i loggen.',
    entries: 'Loggposter',
    entryHeads: ['Nr', 'Tid (UTC)', 'Händelse', 'Från › till', 'Närmare'],
    messages: 'Meddelandena och deras grunder',
    messageHeads: ['Från › till', 'Uppgiftskategorier', 'Grund'],
    consent: 'samtycke',
    version: 'version',
    collectedBy: 'inhämtat av',
    validUntil: 'gäller högst till',
    statements: 'Undertecknade utsagor',
    statementHeads: ['Post', 'Slag', 'Undertecknare', 'Kontrollsumma'],
    keys: 'Undertecknarnycklar i loggen',
    keyHeads: ['Vems', 'Post', 'Nyckelns identifierare (RFC 7638)'],
    worker: 'handläggarens pseudonym',
    code: 'kod',
    subjects: 'kundens pseudonym',
    types: {
      'message-accepted': 'Meddelandet godkänt för förmedling',
      'message-rejected': 'Meddelandet avvisat',
      'message-delivered': 'Meddelandet levererat',
      'message-released': 'Meddelandet utlämnat för öppning',
      'message-re-released': 'Meddelandet utlämnat på nytt',
      'release-refused': 'Öppning förhindrad',
      'message-expired': 'Meddelandet föråldrat',
      'message-withdrawn': 'Meddelandet återkallat',
      'message-undeliverable': 'Meddelandet kunde inte levereras',
      'exchange-answered': 'Begäran besvarad',
      'exchange-refused': 'Begäran avslagen',
      'consent-recorded': 'Samtycke antecknat',
      'consent-superseded': 'Samtycke ersatt av ett nytt',
      'consent-withdrawn': 'Samtycke återkallat',
      'consent-expired': 'Samtycke upphört',
    },
    kinds: {
      manifest: 'meddelandets hölje',
      'release-request': 'begäran om öppning',
      permit: 'tillstånd att öppna',
      'permit-refusal': 'vägrat tillstånd att öppna',
      consent: 'samtycke',
      'consent-act': 'åtgärd om samtycke',
      outcome: 'utfall',
    },
  },
  en: {
    title: 'Evidence of a transfer of information',
    exchange: 'Exchange',
    log: 'Log',
    size: 'Entries in the log',
    root: 'Root of the tree',
    signedBy: 'Checkpoint signed by',
    madeBy: 'Made by',
    madeAt: 'Made at',
    note: 'This page says what the bundle holds in readable form. The bundle is verified offline by "kotovayla verify FILE", which also compares this page with the evidence. There is no content in it: the log has none.',
    entries: 'Log entries',
    entryHeads: ['No.', 'Time (UTC)', 'Event', 'From › to', 'Details'],
    messages: 'Messages and their bases',
    messageHeads: ['From › to', 'Categories', 'Basis'],
    consent: 'consent',
    version: 'version',
    collectedBy: 'collected by',
    validUntil: 'valid at most until',
    statements: 'Signed statements',
    statementHeads: ['Entry', 'Kind', 'Signer', 'Hash'],
    keys: 'Signing keys in the log',
    keyHeads: ['Whose', 'Entry', 'Thumbprint (RFC 7638)'],
    worker: 'case worker’s pseudonym',
    code: 'code',
    subjects: 'client’s pseudonym',
    types: {
      'message-accepted': 'Message accepted for delivery',
      'message-rejected': 'Message rejected',
      'message-delivered': 'Message delivered',
      'message-released': 'Message released for opening',
      'message-re-released': 'Message released again',
      'release-refused': 'Opening refused',
      'message-expired': 'Message expired',
      'message-withdrawn': 'Message withdrawn',
      'message-undeliverable': 'Message could not be delivered',
      'exchange-answered': 'Request answered',
      'exchange-refused': 'Request refused',
      'consent-recorded': 'Consent recorded',
      'consent-superseded': 'Consent replaced by a newer one',
      'consent-withdrawn': 'Consent withdrawn',
      'consent-expired': 'Consent ended',
    },
    kinds: {
      manifest: 'manifest',
      'release-request': 'release request',
      permit: 'permit',
      'permit-refusal': 'refused permit',
      consent: 'consent',
      'consent-act': 'act on a consent',
      outcome: 'outcome',
    },
  },
};
