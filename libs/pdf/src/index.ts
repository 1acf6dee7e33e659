export type { PdfBlock, PdfDocument } from './pdf-document.js';
export { pdfRenderer, renderPdf } from './render-pdf.js';
