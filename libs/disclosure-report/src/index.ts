export {
  type DisclosureReport,
  type ProcessedLine,
  type ReportedDisclosure,
  disclosureReportSchema,
} from './disclosure-report.js';
export { type ReportLabels, type ReportSetting, reportPage } from './report-page.js';
export { type ReportLanguage, reportWords } from './report-words.js';
