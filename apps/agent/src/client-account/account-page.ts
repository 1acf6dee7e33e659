import { emergencyLookIn, wordsIn } from '#disclosure-report';
import type { AgencyId } from '#kernel';
import type { Notice } from '../give-notice/notices.js';
import {
  agencyList,
  categoryName,
  disclosureSection,
  facts,
  grantRows,
  page,
  type PageSetting,
  table,
  time,
} from '../print-page/client-page.js';
import { type Html, html } from '../print-page/html.js';
import type { AskedAbout } from '../infra/client-store.js';
import type { ConsentDto } from '../record-consent/consent.dto.js';
import { notShown, type Wording, wordsFor } from './account-words.js';
import type { Account, AccountMatter, Contact, EmergencyLook } from './account.js';

export interface AccountSetting extends PageSetting {
  readonly agency: AgencyId;
  /** The agency's account as its browser sees it, such as `/v1/account/K-235`. */
  readonly at: string;
  readonly formToken: string;
  readonly languages: readonly Pick<Notice, 'language' | 'name' | 'direction'>[];
}

type Word = Wording['word'];

/** Everything about a person, with a button for each consent that can be withdrawn here. */
export function accountPage(
  { matters, asked, disclosures, emergencyLooks, isOther }: Account,
  setting: AccountSetting,
): string {
  const { labels, language } = setting.notice;
  const wording = wordsFor(language);
  const { word } = wording;
  return page(
    setting,
    labels.accountTitle,
    html`${languageLinks(setting)}
      <p>${word('loggedIn')}</p>
      ${isOther ? html`<p><strong>${word('forAnother')}</strong></p>` : undefined}
      ${matters.map((matter) => matterSection(matter, setting, wording))}
      ${disclosureSection(
        disclosures.map((one) => ({ ...one, from: one.from as AgencyId, to: one.to as AgencyId })),
        setting,
      )}
      ${askedSection(asked, setting, word)} ${emergencySection(emergencyLooks, setting)}
      <p>${word('lawElsewhere')}</p>
      ${
        isOther
          ? form(setting, 'self/page', word('backToOwn'))
          : form(
              setting,
              'other/page',
              word('show'),
              html`<h2>${word('seeAnother')}</h2>
                <label for="identity-code">${word('identityCode')}</label>
                <input id="identity-code" name="identityCode" required maxlength="11" autocomplete="off" dir="ltr" />`,
            )
      }
      ${form(setting, 'logout', word('logOut'))}`,
  );
}

/** That it holds, from when, and what had been opened before. */
export function withdrawnPage({ effectiveAt, opened = [] }: ConsentDto, setting: AccountSetting): string {
  const { labels, language } = setting.notice;
  const { word } = wordsFor(language);
  const rows = opened.map(
    ({ recipient, usedAt }) =>
      html`<tr>
        <th scope="row">${agencyList(setting, [recipient as AgencyId])}</th>
        <td>${time(usedAt)}</td>
      </tr>`,
  );
  return page(
    setting,
    labels.accountTitle,
    html`<p role="status"><strong>${word('withdrawn')}</strong></p>
      ${effectiveAt === undefined ? undefined : html`<p>${word('holdsFrom')} ${moment(effectiveAt)}</p>`}
      ${
        rows.length === 0
          ? undefined
          : html`<p>${word('cannotBeTakenBack')}</p>
              ${table(labels.opened, [labels.to, labels.when], rows)}`
      }
      <p><a href="${setting.at}/page?language=${language}">${word('back')}</a></p>`,
  );
}

/** Something went wrong before the language was known. */
export const refusedPage = (code: string, login: string): string => {
  const texts = Object.entries(notShown);
  return html`<!doctype html>
    <html lang="fi" dir="ltr">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${notShown.fi[0]}</title>
      </head>
      <body>
        <main>
          <h1>${texts.map(([language, [title]]) => html`<span lang="${language}">${title}. </span>`)}</h1>
          ${texts.map(
            ([language, [, again]]) =>
              html`<p lang="${language}"><a href="${login}?language=${language}">${again}</a></p>`,
          )}
          <p><code>${code}</code></p>
        </main>
      </body>
    </html> `.markup;
};

function matterSection(matter: AccountMatter, setting: AccountSetting, { word, act: actName }: Wording): Html {
  const { labels } = setting.notice;
  const { record, proposal, consentId, state, used, acts } = matter;
  const terms = record ?? proposal;
  const grants = record?.grants ?? proposal?.wanted;
  const name = html`<bdi>${consentId.slice(-8)}</bdi>`;
  const heads = [labels.what, labels.from, labels.to];
  return html`<section>
    <h2>${matter.version > 0 ? labels.consent : word('question')} ${name}</h2>
    ${
      terms
        ? facts(terms, setting, [
            ['state', stateName(state, setting, word)],
            ...(proposal && !record ? [['answerBy', time(proposal.lapsesAt)] as const] : []),
          ])
        : html`<dl>
            <dt>${labels.state}</dt>
            <dd>${stateName(state, setting, word)}</dd>
          </dl>`
    }
    ${table(labels.what, heads, grants ? grantRows(grants, setting) : namelessRows(matter, setting))}
    ${
      used.length === 0
        ? undefined
        : table(
            labels.opened,
            [labels.to, labels.when],
            used.map(
              ({ recipient, usedAt }) =>
                html`<tr>
                  <th scope="row">${agencyList(setting, [recipient as AgencyId])}</th>
                  <td>${moment(usedAt)}</td>
                </tr>`,
            ),
          )
    }
    ${
      acts.length === 0
        ? undefined
        : html`<h3>${word('happened')}</h3>
            <ul>
              ${acts.map(
                ({ act, agency, iat }) =>
                  html`<li>
                    ${actName(act)}, ${moment(new Date(iat * 1_000).toISOString())}, ${agencyList(setting, [agency])}
                  </li>`,
              )}
            </ul>`
    }
    ${
      matter.withdraw === 'here'
        ? form(setting, `consents/${consentId}/withdraw/page`, html`${word('withdrawConsent')} ${name}`)
        : matter.contacts.length === 0
          ? undefined
          : contactList(matter.contacts, word(matter.version > 0 ? 'callOther' : 'answerThere'), setting)
    }
  </section>`;
}

function stateName(state: string, { notice }: AccountSetting, word: Word): Html {
  switch (state) {
    case 'active':
      return html`${notice.labels.active}`;
    case 'requested':
    case 'not-yet-valid':
      return word('waiting');
    case 'suspended':
      return word('suspended');
    default:
      return html`${notice.labels.ended}`;
  }
}

const namelessRows = ({ categories }: AccountMatter, setting: AccountSetting): Html[] =>
  categories.map(
    (category) =>
      html`<tr>
        <th scope="row">${categoryName(setting.notice, category)}</th>
        <td>${setting.notice.labels.withheld}</td>
        <td>${setting.notice.labels.withheld}</td>
      </tr>`,
  );

function askedSection(asked: readonly AskedAbout[], setting: AccountSetting, word: Word): Html | undefined {
  if (asked.length === 0) return undefined;
  const { labels, purposes } = setting.notice;
  const rows = asked.map(({ role, counterpart, categories, purpose, createdAt }) => {
    const [asker, holder] = role === 'asker' ? [setting.agency, counterpart] : [counterpart, setting.agency];
    return html`<tr>
      <th scope="row">
        ${categories.map((category) => html`<span class="item">${categoryName(setting.notice, category)}</span>`)}
      </th>
      <td>${agencyList(setting, [asker])}</td>
      <td>${agencyList(setting, [holder])}</td>
      <td>${purposes[purpose] ?? purpose}</td>
      <td>${moment(createdAt.toISOString())}</td>
    </tr>`;
  });
  return html`<section>
    <h2>${word('asked')}</h2>
    ${table(word('asked'), [labels.what, labels.asks, word('askedOf'), labels.purpose, labels.when], rows)}
  </section>`;
}

/** In the words of the disclosure report. */
function emergencySection(looks: readonly EmergencyLook[], setting: AccountSetting): Html {
  const { language, labels } = setting.notice;
  const { words, written, notes } = wordsIn(language);
  const heading = emergencyLookIn(words, 'break-glass-used');
  const told = (text: string): Html =>
    written.language === undefined
      ? html`${text}`
      : html`<span lang="${written.language}" dir="${written.direction ?? 'ltr'}">${text}</span>`;
  const rows = looks.map(
    ({ at, agency, type, logIndex }) =>
      html`<tr>
        <th scope="row">${moment(at)}</th>
        <td>${agency === undefined ? labels.withheld : agencyList(setting, [agency])}</td>
        <td>
          ${told(emergencyLookIn(words, type))} <small>${told(words.logIndex)} <bdi>${`${logIndex}`}</bdi></small>
        </td>
      </tr>`,
  );
  return html`<section>
    <h2>${told(heading)}</h2>
    ${rows.length === 0 ? html`<p>${told(words.nothing)}</p>` : table(told(heading), [labels.when, told(words.agency), told(words.what)], rows)}
    <p>${told(words.emergenciesSearched)}</p>
    ${
      notes &&
      html`<p><small lang="fi" dir="ltr">${notes.fi}</small> <small lang="sv" dir="ltr">${notes.sv}</small></p>`
    }
  </section>`;
}

const contactList = (contacts: readonly Contact[], text: Html, setting: AccountSetting): Html =>
  html`<p>${text}</p>
    <ul>
      ${contacts.map(
        ({ agency, telephone }) =>
          html`<li>
            ${agencyList(setting, [agency])}${telephone === '' ? undefined : html`<bdi dir="ltr">${telephone}</bdi>`}
          </li>`,
      )}
    </ul>`;

const languageLinks = ({ languages, at }: AccountSetting): Html =>
  html`<nav>
    ${languages.map(
      ({ language, name, direction }) =>
        html`<a href="${at}/page?language=${language}" lang="${language}" hreflang="${language}" dir="${direction}"
          >${name}</a
        >`,
    )}
  </nav>`;

const form = ({ at, formToken, notice }: AccountSetting, to: string, button: Html, fields?: Html): Html =>
  html`<form method="post" action="${at}/${to}?language=${notice.language}" autocomplete="off">
    ${fields} <input type="hidden" name="formToken" value="${formToken}" />
    <p><button type="submit">${button}</button></p>
  </form>`;

const clock = new Intl.DateTimeFormat('fi-FI', { timeZone: 'Europe/Helsinki', hour: '2-digit', minute: '2-digit' });

/** Day and time of day in Finland. */
const moment = (instant: string): Html =>
  html`${time(instant)} <bdi dir="ltr">${clock.format(new Date(instant))}</bdi>`;
