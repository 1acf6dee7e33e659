import { runService } from '#platform';
import { serviceOptions } from './audit.module.js';
import { makeObjectsYoung } from './short-lived-objects.js';

makeObjectsYoung();
await runService(serviceOptions);
