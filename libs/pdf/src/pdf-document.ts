/** A page for people: headings, paragraphs, facts and tables, in the order of reading. Text only, never markup. */
export interface PdfDocument {
  readonly title: string;
  /** BCP 47. */
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
  /** `archive`: PDF/A-2a, for a register. `accessible`: PDF/UA-1, for a person. Both are tagged and carry their fonts. */
  readonly standard: 'archive' | 'accessible';
  /** Instant that the file names as its making; nothing else in it depends on when it is made. */
  readonly madeAt: Date;
  readonly blocks: readonly PdfBlock[];
}

export type PdfBlock =
  /** A note stands in a frame, read before the rest. Without a language and direction of its own it has the page's. */
  | {
      readonly kind: 'heading' | 'paragraph' | 'note';
      readonly text: string;
      readonly language?: string;
      readonly direction?: 'ltr' | 'rtl';
    }
  | { readonly kind: 'facts'; readonly rows: readonly (readonly [label: string, value: string])[] }
  | {
      readonly kind: 'table';
      readonly heads: readonly string[];
      readonly rows: readonly (readonly string[])[];
      /** Shares of the width, one a column. */
      readonly widths: readonly number[];
    };
