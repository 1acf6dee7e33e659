import type { Type } from '@nestjs/common';
import { ActOnConsentController } from '../act-on-consent/act-on-consent.controller.js';
import { AnswerRequestController } from '../answer-request/answer-request.controller.js';
import { AskForConsentController } from '../ask-for-consent/ask-for-consent.controller.js';
import { AskForInformationController } from '../ask-for-information/ask-for-information.controller.js';
import { ClientAccountController } from '../client-account/client-account.controller.js';
import { ExcludeDeciderController } from '../exclude-decider/exclude-decider.controller.js';
import { ExportConsentController } from '../export-consent/export-consent.controller.js';
import { GiveNoticeController } from '../give-notice/give-notice.controller.js';
import { LinkSubjectController } from '../link-subject/link-subject.controller.js';
import { HearCountyController } from '../hear-county/hear-county.controller.js';
import { KeepKeysController } from '../keep-keys/keep-keys.controller.js';
import { OnboardAgencyController } from '../onboard-agency/onboard-agency.controller.js';
import { PrintPageController } from '../print-page/print-page.controller.js';
import { ProtectClientController } from '../protect-client/protect-client.controller.js';
import { RecordConsentController } from '../record-consent/record-consent.controller.js';
import { ReferClientController } from '../refer-client/refer-client.controller.js';
import { OwnRequestController } from '../request-own-data/own-request.controller.js';
import { ShowDisclosuresController } from '../show-disclosures/show-disclosures.controller.js';
import { ReportDisclosuresController } from '../report-disclosures/report-disclosures.controller.js';
import { SeeClientController } from '../see-client/see-client.controller.js';
import { SeeConsentNoticesController } from '../see-consent-notices/see-consent-notices.controller.js';
import { SeeExchangesController } from '../see-exchanges/see-exchanges.controller.js';
import { WatchLogController } from '../watch-log/watch-log.controller.js';
import { WitnessLogController } from '../witness-log/witness-log.controller.js';

/** All of the API, for agencies' own systems and for clients' browsers: what the OpenAPI document describes. */
export const apiControllers: Type[] = [
  AskForInformationController,
  HearCountyController,
  OwnRequestController,
  AskForConsentController,
  GiveNoticeController,
  AnswerRequestController,
  KeepKeysController,
  OnboardAgencyController,
  RecordConsentController,
  PrintPageController,
  ExportConsentController,
  ActOnConsentController,
  LinkSubjectController,
  ProtectClientController,
  ReportDisclosuresController,
  ShowDisclosuresController,
  SeeClientController,
  ClientAccountController,
  ExcludeDeciderController,
  ReferClientController,
  SeeConsentNoticesController,
  SeeExchangesController,
  WatchLogController,
  WitnessLogController,
];
