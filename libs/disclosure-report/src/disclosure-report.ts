/**
 * A client's account: who processed, to whom it was disclosed, on what basis, when (GDPR 15, Information Management Act
 * 906/2019 §17, for a county's own log the client data Act 703/2023). What is withheld from the reader is left out, and nothing
 * says why.
 */
export interface DisclosureReport {
  readonly v: 1;
  readonly language: string;
  readonly madeAt: string;
  /** Who gives it: an agency about what concerns itself, or a supervising authority about all. Left out where names are withheld. */
  readonly madeBy?: string;
  /** As the agency knows the person; a supervising authority knows a pseudonym only. */
  readonly person: string;
  /** Instants, the first included and the second not. */
  readonly period: { readonly from: string; readonly until: string };
  /** Why the account goes further back than it otherwise would. */
  readonly reason?: string;
  readonly disclosures: readonly ReportedDisclosure[];
  readonly processing: readonly ProcessedLine[];
  /** More than one account holds was found: a shorter period shows the rest. */
  readonly truncated: boolean;
  readonly namesWithheld: boolean;
  /**
   * Of a supervising authority's account: all that the log has about the person up to this instant is here, as far as it lies in the
   * period, by the signed tree of this size (decision 0025).
   */
  readonly provedComplete?: { readonly until: string; readonly treeSize: number };
}

export interface ReportedDisclosure {
  readonly exchangeId: string;
  /** When it was opened, else when it was sent. */
  readonly at: string;
  readonly opened: boolean;
  readonly from?: string;
  readonly to?: string;
  readonly categories: readonly number[];
  readonly basis: 'consent' | 'law';
  readonly provision?: string;
  readonly purpose?: string;
  /** Of the entry in the log, where it is known. */
  readonly logIndex?: number;
}

export interface ProcessedLine {
  readonly exchangeId?: string;
  readonly at: string;
  readonly what: 'opened' | 'looked' | 'refused' | 'consent';
  readonly agency?: string;
  /** Only where the law gives the client the name. */
  readonly staff?: string;
  /** Of a supervising authority's account: the agency's pseudonym for its case worker, where the law gives the client the name. */
  readonly pseudonym?: string;
  readonly code?: string;
  readonly logIndex?: number;
}

const text = { type: 'string', minLength: 1 } as const;
const instant = { type: 'string', format: 'date-time' } as const;
const index = { type: 'integer', minimum: 0 } as const;
const closed = (properties: object, required: readonly string[]) =>
  ({ type: 'object', additionalProperties: false, properties, required }) as const;

/** JSON Schema 2020-12 of the account as JSON. */
export const disclosureReportSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'Disclosure report',
  ...closed(
    {
      v: { const: 1 },
      language: text,
      madeAt: instant,
      madeBy: text,
      person: { type: 'string' },
      period: closed({ from: instant, until: instant }, ['from', 'until']),
      reason: text,
      disclosures: {
        type: 'array',
        items: closed(
          {
            exchangeId: { type: 'string', format: 'uuid' },
            at: instant,
            opened: { type: 'boolean' },
            from: text,
            to: text,
            categories: { type: 'array', items: { type: 'integer', minimum: 1 } },
            basis: { enum: ['consent', 'law'] },
            provision: text,
            purpose: text,
            logIndex: index,
          },
          ['exchangeId', 'at', 'opened', 'categories', 'basis'],
        ),
      },
      processing: {
        type: 'array',
        items: closed(
          {
            exchangeId: { type: 'string', format: 'uuid' },
            at: instant,
            what: { enum: ['opened', 'looked', 'refused', 'consent'] },
            agency: text,
            staff: text,
            pseudonym: text,
            code: text,
            logIndex: index,
          },
          ['at', 'what'],
        ),
      },
      truncated: { type: 'boolean' },
      namesWithheld: { type: 'boolean' },
      provedComplete: closed({ until: instant, treeSize: index }, ['until', 'treeSize']),
    },
    ['v', 'language', 'madeAt', 'person', 'period', 'disclosures', 'processing', 'truncated', 'namesWithheld'],
  ),
} as const;
