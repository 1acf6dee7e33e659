import type { Type } from '@nestjs/common';
import { AnswerRequestController } from '../answer-request/answer-request.controller.js';
import { AskForInformationController } from '../ask-for-information/ask-for-information.controller.js';
import { KeepKeysController } from '../keep-keys/keep-keys.controller.js';
import { OnboardAgencyController } from '../onboard-agency/onboard-agency.controller.js';
import { RecordConsentController } from '../record-consent/record-consent.controller.js';
import { ReferClientController } from '../refer-client/refer-client.controller.js';
import { SeeExchangesController } from '../see-exchanges/see-exchanges.controller.js';
import { WatchLogController } from '../watch-log/watch-log.controller.js';

/** All of the API for agencies' own systems: what the OpenAPI document describes. */
export const apiControllers: Type[] = [
  AskForInformationController,
  AnswerRequestController,
  KeepKeysController,
  OnboardAgencyController,
  RecordConsentController,
  ReferClientController,
  SeeExchangesController,
  WatchLogController,
];
