export {
  type DisclosureReport,
  type ProcessedLine,
  type ReportedDisclosure,
  disclosureReportSchema,
} from './disclosure-report.js';
export { type ReportSetting, reportPage } from './report-page.js';
export { type ReportLabels, type ReportLanguage, reportWords } from './report-words.js';
export { emergencyLookIn, wordsIn } from './words-in.js';
