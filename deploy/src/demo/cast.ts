import { type CountyClient } from './county-register.js';
import type { BenefitClients } from './benefits.js';
import { testPerson } from './people.js';

/** Who takes part. Business ids have right check digits; nobody compared them with the Business Information System. */
export const agencies = {
  municipality: { id: 'K-235', businessId: '0203026-2', telephone: '09 50561' },
  county: { id: 'H-03', businessId: '3221347-3', telephone: '029 151 2000' },
  employment: { id: 'T-01', businessId: '0101263-6', telephone: '09 816 21' },
  kela: { id: 'L-KELA', businessId: '0246246-0', telephone: '020 634 0200' },
  auditor: {
    id: 'A-TSV',
    businessId: '0245437-2',
    nameFi: 'Tarkastaja (demo)',
    nameSv: 'Granskare (demo)',
    telephone: '',
  },
  approver: {
    id: 'A-LVV',
    businessId: '0245437-2',
    nameFi: 'Toinen tarkastaja (demo)',
    nameSv: 'Andra granskaren (demo)',
    telephone: '',
  },
  faulty: { id: 'K-049', businessId: '0101263-6', telephone: '09 816 21' },
} as const;

export const officers = {
  integrationWorker: {
    name: 'Kaisa Koordinaattori',
    title: 'Kotoutumiskoordinaattori',
    unit: 'Kauniaisten maahanmuuttopalvelut',
    telephone: '+358 9 505 6111',
  },
  socialWorker: {
    name: 'Sirpa Sosiaalinen',
    title: 'Sosiaalityöntekijä',
    unit: 'Aikuissosiaalityö, Espoo',
    telephone: '+358 29 151 2001',
  },
  employmentExpert: {
    name: 'Eero Asiantuntija',
    title: 'Asiantuntija',
    unit: 'Työllisyyspalvelut Espoo-Kauniainen',
    telephone: '+358 9 816 22',
  },
} as const;

/** The client of the scenario: known to the county and to Kela. */
export const client = testPerson('the client', '235');
/** Decides for one of the county’s clients. */
export const guardian = testPerson('a guardian', '235');
/** Somebody of whom Kela knows nothing. */
export const stranger = testPerson('a stranger', '235');

export const countyClients: readonly CountyClient[] = Array.from({ length: 40 }, (_, i) => {
  const person = i === 0 ? client : testPerson(`county client ${i}`, '235');
  return {
    person,
    ownWorker: officers.socialWorker.name,
    unit: officers.socialWorker.unit,
    phone: officers.socialWorker.telephone,
    services: ['Sosiaaliohjaus', 'Perhetyö'].slice(0, 1 + (i % 2)),
    limit: { text: 'Opiskelu puolipäiväisesti', until: '2027-05-31' },
    interpreterLanguage: ['uk', 'ar', 'so', 'fa'][i % 4]!,
  };
});

export const kelaClients: BenefitClients = {
  [client.identityCode]: [
    { benefit: 'labour-market-subsidy', status: 'granted', decisionDate: '2026-09-15', period: { from: '2026-09-01' } },
    { benefit: 'housing-allowance', status: 'pending' },
  ],
};
