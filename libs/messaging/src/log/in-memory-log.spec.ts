import { InMemoryLog } from './in-memory-log.js';
import { messageLogContract } from './message-log.contract.js';

messageLogContract('InMemoryLog', {
  open: async (topic) => {
    const log = new InMemoryLog([topic]);
    await log.connect();
    return log;
  },
  another: async (log) => log,
});
