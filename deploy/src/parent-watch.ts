// Loaded into every service before its own code: when the parent is gone, the service gets the time of a graceful stop
// and no more. It also catches a parent that dies before the service has attached its own listener.
const gracefulStopMs = 25_000;

function leave(): void {
  setTimeout(() => process.exit(0), gracefulStopMs).unref();
}

if (process.connected) process.once('disconnect', leave);
else if (process.send !== undefined || process.env['NODE_CHANNEL_FD'] !== undefined) process.exit(0);
