import { runService } from '#platform';
import { serviceOptions } from './audit.module.js';

await runService(serviceOptions);
