import RequestQueue from 'kafkajs/src/network/requestQueue/index.js';

const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;

/**
 * kafkajs 2.2.4 looks for requests that wait for a broker's throttling by a timer, and each look sets the next one even when
 * none is waiting, for a moment that lies in the past: every connection then wakes the process each millisecond for as long
 * as it lives, which costs an idle service more than all its work. A queue in which nothing waits needs no look: what is put
 * there sets the timer itself.
 */
RequestQueue.prototype.scheduleCheckPendingRequests = function (): void {
  if (this.pending.length > 0) schedule.call(this);
};
