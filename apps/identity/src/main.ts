import { runService } from '#platform';
import { serviceOptions } from './identity.module.js';

await runService(serviceOptions);
