/** A benefit as the category's schema has it. */
export interface Benefit {
  readonly benefit: string;
  readonly status: 'pending' | 'granted' | 'refused' | 'ended';
  readonly decisionDate?: string;
  readonly period?: { readonly from: string; readonly to?: string };
}

/** Identity code to benefits. */
export type BenefitClients = Readonly<Record<string, readonly Benefit[]>>;
