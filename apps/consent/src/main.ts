import { runService } from '#platform';
import { serviceOptions } from './consent.module.js';

await runService(serviceOptions);
