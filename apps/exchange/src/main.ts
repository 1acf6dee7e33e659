import { runService } from '#platform';
import { serviceOptions } from './exchange.module.js';

await runService(serviceOptions);
