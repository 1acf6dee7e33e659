import { runService } from '#platform';
import { serviceOptions } from './directory.module.js';

await runService(serviceOptions);
