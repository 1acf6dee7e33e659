import type { ConsentActType } from '#envelope';
import { type Html, html } from '../print-page/html.js';

/** Words that no notice has, in the languages that are written together. */
interface Words {
  readonly loggedIn: string;
  readonly forAnother: string;
  readonly backToOwn: string;
  readonly logOut: string;
  readonly asked: string;
  readonly askedOf: string;
  readonly waiting: string;
  readonly suspended: string;
  readonly question: string;
  readonly answerThere: string;
  readonly happened: string;
  readonly withdrawConsent: string;
  readonly withdrawn: string;
  readonly holdsFrom: string;
  readonly cannotBeTakenBack: string;
  readonly back: string;
  readonly callOther: string;
  readonly lawElsewhere: string;
  readonly seeAnother: string;
  readonly identityCode: string;
  readonly show: string;
  readonly acts: Readonly<Record<ConsentActType, string>>;
}

const words = {
  fi: {
    loggedIn: 'Olet tunnistautunut. Näkymä suljetaan 15 minuutin kuluttua kirjautumisesta.',
    forAnother: 'Katsot sen henkilön tietoja, jonka puolesta päätät.',
    backToOwn: 'Näytä omat tietoni',
    logOut: 'Kirjaudu ulos',
    asked: 'Sinua koskevat kyselyt',
    askedOf: 'Keneltä kysytty',
    waiting: 'Odottaa',
    suspended: 'Keskeytetty',
    question: 'Kysymys, johon ei ole vielä suostuttu',
    answerThere: 'Vastaa viranomaiselle, joka kysyy.',
    happened: 'Tapahtumat',
    withdrawConsent: 'Peruuta suostumus',
    withdrawn: 'Suostumus on peruutettu',
    holdsFrom: 'Tietoja ei anneta enää tästä lähtien:',
    cannotBeTakenBack: 'Nämä luovutukset ehtivät tapahtua, eikä niitä voi perua:',
    back: 'Takaisin',
    callOther: 'Tämä viranomainen ei voi peruuttaa tätä. Peruuta soittamalla:',
    lawElsewhere:
      'Tässä ovat kaikki suostumukset ja niiden käyttö. Lain nojalla annetuista tiedoista näkyvät vain ne, joissa tämä viranomainen on ollut osapuolena; kysy muista kultakin viranomaiselta.',
    seeAnother: 'Näytä sen henkilön tiedot, jonka puolesta päätät',
    identityCode: 'Hänen henkilötunnuksensa',
    show: 'Näytä',
    acts: {
      withdraw: 'Peruutettu',
      suspend: 'Keskeytetty',
      resume: 'Jatkettu',
      revoke: 'Viranomainen päättänyt',
      invalidate: 'Mitätöity',
      deny: 'Kieltäydytty',
      cancel: 'Kysymys peruttu',
      'end-plan': 'Suunnitelma päättynyt',
      'verify-mandate': 'Oikeus päättää tarkistettu',
    },
  },
  sv: {
    loggedIn: 'Du är identifierad. Vyn stängs 15 minuter efter inloggningen.',
    forAnother: 'Du ser uppgifter om den person för vilken du beslutar.',
    backToOwn: 'Visa mina egna uppgifter',
    logOut: 'Logga ut',
    asked: 'Förfrågningar om dig',
    askedOf: 'Vem som tillfrågats',
    waiting: 'Väntar',
    suspended: 'Avbrutet',
    question: 'Fråga som inte har besvarats med ja',
    answerThere: 'Svara den myndighet som frågar.',
    happened: 'Händelser',
    withdrawConsent: 'Återkalla samtycket',
    withdrawn: 'Samtycket är återkallat',
    holdsFrom: 'Inga uppgifter lämnas ut från och med:',
    cannotBeTakenBack: 'Dessa utlämnanden hann ske och kan inte tas tillbaka:',
    back: 'Tillbaka',
    callOther: 'Denna myndighet kan inte återkalla detta. Återkalla genom att ringa:',
    lawElsewhere:
      'Här finns alla samtycken och hur de har använts. Av det som har lämnats ut med stöd av lag visas bara det där denna myndighet har varit part; fråga varje myndighet om övrigt.',
    seeAnother: 'Visa uppgifter om den person för vilken du beslutar',
    identityCode: 'Personens personbeteckning',
    show: 'Visa',
    acts: {
      withdraw: 'Återkallat',
      suspend: 'Avbrutet',
      resume: 'Återupptaget',
      revoke: 'Avslutat av myndighet',
      invalidate: 'Ogiltigförklarat',
      deny: 'Nekat',
      cancel: 'Frågan tillbakadragen',
      'end-plan': 'Planen har upphört',
      'verify-mandate': 'Rätten att besluta kontrollerad',
    },
  },
  en: {
    loggedIn: 'You have been identified. This view closes 15 minutes after you logged in.',
    forAnother: 'You see what concerns the person for whom you decide.',
    backToOwn: 'Show what concerns me',
    logOut: 'Log out',
    asked: 'Questions about you',
    askedOf: 'Who was asked',
    waiting: 'Waiting',
    suspended: 'Suspended',
    question: 'A question that was not answered with yes',
    answerThere: 'Answer the authority that asks.',
    happened: 'What happened',
    withdrawConsent: 'Withdraw the consent',
    withdrawn: 'The consent is withdrawn',
    holdsFrom: 'Nothing is given any more from:',
    cannotBeTakenBack: 'These disclosures had been made and cannot be taken back:',
    back: 'Back',
    callOther: 'This authority cannot withdraw this one. To withdraw it, call:',
    lawElsewhere:
      'Here are all consents and how they were used. Of what was given by law you see what this authority has taken part in; ask each authority about the rest.',
    seeAnother: 'Show what concerns the person for whom you decide',
    identityCode: 'That person’s personal identity code',
    show: 'Show',
    acts: {
      withdraw: 'Withdrawn',
      suspend: 'Suspended',
      resume: 'Resumed',
      revoke: 'Ended by an authority',
      invalidate: 'Declared invalid',
      deny: 'Refused',
      cancel: 'Question taken back',
      'end-plan': 'The plan has ended',
      'verify-mandate': 'Right to decide verified',
    },
  },
} as const satisfies Record<string, Words>;

const isWritten = (language: string): language is keyof typeof words => Object.hasOwn(words, language);

export interface Wording {
  readonly word: (name: Exclude<keyof Words, 'acts'>) => Html;
  readonly act: (name: ConsentActType) => Html;
}

/** The words in a language, else in English and marked as such, so that they are read out and set right. */
export function wordsFor(language: string): Wording {
  const own = isWritten(language);
  const chosen: Words = words[own ? language : 'en'];
  const marked = (text: string): Html => (own ? html`${text}` : html`<span lang="en" dir="ltr">${text}</span>`);
  return { word: (name) => marked(chosen[name]), act: (name) => marked(chosen.acts[name]) };
}

/** Why nothing is shown, for somebody whose language is not known yet. */
export const notShown = {
  fi: ['Tietoja ei voitu näyttää', 'Kirjaudu uudelleen'],
  sv: ['Uppgifterna kunde inte visas', 'Logga in på nytt'],
  en: ['Nothing could be shown', 'Log in again'],
} as const;
