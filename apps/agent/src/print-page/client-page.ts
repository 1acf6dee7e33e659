import { dayInHelsinki } from '#calendar';
import type { ConsentProposal, ConsentRecord, Grant, Uses } from '#envelope';
import type { AgencyId } from '#kernel';
import { questionsOf } from '../domain/consent-answer.js';
import type { Officer } from '../domain/content.js';
import type { LawfulAnyway } from '../domain/what-the-law-gives.js';
import type { Label, Notice } from '../give-notice/notices.js';
import { Html, html } from './html.js';

/** Names of agencies as the directory has them. */
export type AgencyNames = ReadonlyMap<AgencyId, { readonly fi: string; readonly sv: string }>;

/** For whom the page is, and who stands behind it. */
export interface PageSetting {
  readonly notice: Notice;
  readonly names: AgencyNames;
  /** Agencies' names are not shown to this reader. Why is not said. */
  readonly namesWithheld: boolean;
  /** Left out where the reader knows who it is. */
  readonly person: string | undefined;
  readonly deciders: readonly string[];
  /** Whom to call to withdraw. */
  readonly officer: Officer | undefined;
}

/** One line of the client's account. */
export interface AccountRow {
  readonly categories: readonly number[];
  readonly from: AgencyId;
  readonly to: AgencyId;
  readonly basis: 'consent' | 'law';
  readonly provision?: string;
  readonly at: string;
  readonly openedBy?: string;
}

type Terms = ConsentProposal | ConsentRecord;

/** What a client is asked, to be answered on paper: two empty boxes for each category and recipient. */
export function proposalPage(proposal: ConsentProposal, lawful: readonly LawfulAnyway[], setting: PageSetting): string {
  const { notice } = setting;
  const { labels } = notice;
  const rows = questionsOf(proposal.wanted).map(({ category, recipient, disclosers }) => {
    const anyway = disclosers.every((discloser) =>
      lawful.some((one) => one.category === category && one.recipient === recipient && one.discloser === discloser),
    );
    return html`<tr>
      <th scope="row">
        ${categoryName(notice, category)}${anyway ? html`<small>${labels.lawAnyway}</small>` : undefined}
      </th>
      <td>${agencyList(setting, disclosers)}</td>
      <td>${agencyList(setting, [recipient])}</td>
      <td class="box"><span aria-hidden="true">☐</span> ${labels.yes}</td>
      <td class="box"><span aria-hidden="true">☐</span> ${labels.no}</td>
    </tr>`;
  });
  return page(
    setting,
    labels.proposalTitle,
    html`${paragraphs(notice)} ${facts(proposal, setting, [['answerBy', time(proposal.lapsesAt)]])}
      ${table(labels.what, [labels.what, labels.from, labels.to, labels.yes, labels.no], rows)}
      <section class="sign">
        ${(['date', 'signature', 'interpreter'] as const).map((name) => html`<p>${labels[name]} <span class="line"></span></p>`)}
      </section>
      ${contact(setting, proposal.collectingAgency)}`,
  );
}

/** What was agreed, with whom, until when, and whom to call to withdraw. */
export function agreedPage(record: ConsentRecord, setting: PageSetting): string {
  const { notice } = setting;
  const { labels } = notice;
  return page(
    setting,
    labels.agreedTitle,
    html`${facts(record, setting, [['reference', html`<bdi>${record.id}</bdi>`]])}
    ${table(labels.what, [labels.what, labels.from, labels.to], grantRows(record.grants, setting))}
    ${contact(setting, record.collectingAgency)} ${paragraphs(notice)}`,
  );
}

/** Every consent about the client, and what was disclosed, as far as it concerns the agency that prints it. */
export function accountPage(
  consents: readonly { readonly record: ConsentRecord; readonly state: string }[],
  disclosures: readonly AccountRow[],
  agency: AgencyId,
  setting: PageSetting,
): string {
  const { notice } = setting;
  const { labels } = notice;
  const consentSections = consents.map(
    ({ record, state }) =>
      html`<section>
        <h2>${labels.consent} <bdi>${record.id.slice(-8)}</bdi></h2>
        ${facts(record, setting, [['state', state === 'active' ? labels.active : labels.ended]])}
        ${table(labels.what, [labels.what, labels.from, labels.to], grantRows(record.grants, setting))}
      </section>`,
  );
  return page(
    setting,
    labels.accountTitle,
    html`${consentSections} ${disclosureSection(disclosures, setting)} ${contact(setting, agency)}`,
  );
}

/** Who gave what to whom, when, on which basis. */
export function disclosureSection(disclosures: readonly AccountRow[], setting: PageSetting): Html {
  const { notice } = setting;
  const { labels } = notice;
  const rows = disclosures.map(
    ({ categories, from, to, basis, provision, at, openedBy }) =>
      html`<tr>
        <th scope="row">
          ${categories.map((category) => html`<span class="item">${categoryName(notice, category)}</span>`)}
        </th>
        <td>${agencyList(setting, [from])}</td>
        <td>
          ${agencyList(setting, [to])}${openedBy === undefined || setting.namesWithheld ? undefined : html`<small>${labels.openedBy}: <bdi>${openedBy}</bdi></small>`}
        </td>
        <td>${basis === 'consent' ? labels.consent : html`${labels.law} <bdi>${provision}</bdi>`}</td>
        <td>${time(at)}</td>
      </tr>`,
  );
  const heads = [labels.what, labels.from, labels.to, labels.basis, labels.when];
  return html`<section>
    <h2>${labels.opened}</h2>
    ${rows.length === 0 ? html`<p>${labels.nothingYet}</p>` : table(labels.opened, heads, rows)}
  </section>`;
}

export const categoryName = ({ categories }: Notice, category: number): string =>
  categories[String(category)] ?? `${category}`;

export const grantRows = (grants: readonly Grant[], setting: PageSetting): Html[] =>
  grants.map(
    ({ category, disclosers, recipients }) =>
      html`<tr>
        <th scope="row">${categoryName(setting.notice, category)}</th>
        <td>${agencyList(setting, disclosers)}</td>
        <td>${agencyList(setting, recipients)}</td>
      </tr>`,
  );

/** In the client's language where the directory has it, else in both of its languages. */
export function agencyName({ notice, names, namesWithheld }: PageSetting, agency: AgencyId): string {
  if (namesWithheld) return notice.labels.withheld;
  const known = names.get(agency);
  if (!known) return agency;
  if (notice.language === 'fi' || notice.language === 'sv') return known[notice.language] || known.fi || agency;
  return [...new Set([known.fi, known.sv].filter(Boolean))].join(' / ') || agency;
}

export const agencyList = (setting: PageSetting, agencies: readonly AgencyId[]): Html =>
  html`${[...new Set(agencies.map((agency) => agencyName(setting, agency)))].map(
    (name) => html`<span class="item"><bdi>${name}</bdi></span>`,
  )}`;

const paragraphs = ({ paragraphs: texts }: Notice): Html =>
  html`<section class="notice">${texts.map((text) => html`<p>${text}</p>`)}</section>`;

/** Day, month and year as every other paper in Finland writes them. */
export function time(instant: string): Html {
  const [year, month, day] = dayInHelsinki(new Date(instant)).split('-').map(Number);
  return html`<time datetime="${instant}"><bdi>${day}.${month}.${year}</bdi></time>`;
}

function usesText(uses: Uses, labels: Notice['labels']): string {
  if (uses.kind === 'once') return labels.once;
  const per = { day: labels.perDay, week: labels.perWeek, month: labels.perMonth, year: labels.perYear };
  const parts = [
    labels.repeated,
    ...(uses.frequency === undefined ? [] : [`${labels.atMost} ${uses.frequency.count} ${per[uses.frequency.per]}`]),
    ...(uses.max === undefined ? [] : [`${labels.atMost} ${uses.max}`]),
  ];
  return parts.join(' · ');
}

export function facts(terms: Terms, setting: PageSetting, more: readonly (readonly [Label, Html | string])[]): Html {
  const { notice, person, deciders } = setting;
  const { labels } = notice;
  const { dataPeriod } = terms;
  const rows: readonly (readonly [Label, Html | string])[] = [
    ...(person === undefined ? [] : [['person', html`<bdi>${person}</bdi>`] as const]),
    ...(deciders.length === 0
      ? []
      : [['decides', html`${deciders.map((name) => html`<span class="item"><bdi>${name}</bdi></span>`)}`] as const]),
    ['asks', html`<bdi>${agencyName(setting, terms.collectingAgency)}</bdi>`],
    [
      'purpose',
      html`${terms.purposes.map((code) => html`<span class="item">${notice.purposes[code] ?? code}</span>`)}`,
    ],
    ...(dataPeriod === undefined
      ? []
      : [
          [
            'dataPeriod',
            html`${time(`${dataPeriod.from}T12:00:00Z`)} – ${time(`${dataPeriod.to}T12:00:00Z`)}`,
          ] as const,
        ]),
    ['uses', usesText(terms.uses, labels)],
    [
      'validUntil',
      html`${time(terms.validUntil)}${terms.untilPlanEnds ? html` <small>${labels.untilPlanEnds}</small>` : undefined}`,
    ],
    ...more,
  ];
  return html`<dl>
    ${rows.map(
      ([name, value]) =>
        html`<dt>${labels[name]}</dt>
          <dd>${value}</dd>`,
    )}
  </dl>`;
}

export const table = (caption: string | Html, heads: readonly (string | Html)[], rows: readonly Html[]): Html =>
  html`<table>
    <caption>
      ${caption}
    </caption>
    <thead>
      <tr>
        ${heads.map((head) => html`<th scope="col">${head}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${rows}
    </tbody>
  </table>`;

function contact(setting: PageSetting, agency: AgencyId): Html {
  const { notice, officer, namesWithheld } = setting;
  const who = officer && !namesWithheld ? [officer.name, officer.title, officer.unit] : [];
  const telephone = namesWithheld ? undefined : officer?.telephone;
  return html`<section class="contact">
    <h2>${notice.labels.callToWithdraw}</h2>
    <p><bdi>${[agencyName(setting, agency), ...who].join(', ')}</bdi></p>
    ${telephone === undefined ? undefined : html`<p class="telephone"><bdi dir="ltr">${telephone}</bdi></p>`}
  </section>`;
}

/** For the case worker, in the languages of the house. */
const unchecked = {
  fi: 'Kääntäjä ei ole vielä tarkistanut tätä tekstiä. Käy se läpi tulkin kanssa.',
  sv: 'Ingen översättare har ännu granskat denna text. Gå igenom den med en tolk.',
} as const;

const style = new Html(`
  body { font: 1rem/1.5 system-ui, "Noto Sans", "Noto Sans Arabic", sans-serif; color: #1a1a1a; background: #fff;
    max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
  h1 { font-size: 1.5rem; line-height: 1.25; } h2 { font-size: 1.125rem; margin-block: 1.5rem 0.25rem; } h3 { font-size: 1rem; margin-block: 1rem 0.25rem; }
  dl { display: grid; grid-template-columns: minmax(8rem, max-content) 1fr; gap: 0.25rem 1rem; }
  dt { font-weight: 600; } dd { margin: 0; }
  table { border-collapse: collapse; width: 100%; margin-block: 1rem; }
  caption { text-align: start; font-weight: 600; padding-block: 0.5rem; }
  th, td { border: 1px solid #595959; padding: 0.5rem; text-align: start; vertical-align: top; font-weight: normal; }
  thead th { font-weight: 600; background: #ececec; }
  small { display: block; font-size: 0.875rem; color: #333; } .item { display: block; }
  .box { white-space: nowrap; } .box span { font-size: 1.5rem; line-height: 1; }
  .sign p { display: flex; align-items: end; gap: 1rem; margin-block: 1.75rem 0; } .line { flex: 1; border-bottom: 1px solid #1a1a1a; }
  .telephone { font-size: 1.25rem; font-weight: 600; }
  nav { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; margin-block: 0.5rem; } nav a { padding-block: 0.25rem; }
  button, input { font: inherit; padding: 0.5rem 1rem; border: 1px solid #595959; color: inherit; background: #fff; }
  button { cursor: pointer; font-weight: 600; } label { display: block; }
  :focus-visible { outline: 3px solid #00478a; outline-offset: 2px; }
  .worker { border: 2px solid #8a4b00; padding: 0.5rem 1rem; }
  @media print { body { margin: 0; max-width: none; font-size: 11pt; } tr, .contact, .sign { break-inside: avoid; } .worker { display: none; } }
  @media print { nav, form { display: none; } }
`);

export function page({ notice }: PageSetting, title: string, content: Html): string {
  const { language, direction, checked } = notice;
  const note = checked
    ? undefined
    : html`<aside class="worker" dir="ltr">
        <p lang="fi">${unchecked.fi}</p>
        <p lang="sv">${unchecked.sv}</p>
      </aside>`;
  return html`<!doctype html>
    <html lang="${language}" dir="${direction}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${title}</title>
        <style>
          ${style}
        </style>
      </head>
      <body>
        ${note}
        <main>
          <h1>${title}</h1>
          ${content}
        </main>
      </body>
    </html> `.markup;
}
