import { runService } from '#platform';
import { serviceOptions } from './agent.module.js';

await runService(serviceOptions);
