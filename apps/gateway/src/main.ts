import { runService } from '#platform';
import { serviceOptions } from './gateway.module.js';

await runService(serviceOptions);
