export * from './agency-keys.js';
export * from './config.js';
export * from './database.js';
export * from './directory-snapshot.js';
export * from './grpc.js';
export * from './health.js';
export * from './logging.js';
export * from './problem.js';
export * from './public-route.js';
export * from './reconciling-config.js';
export * from './service.js';
export {
  type CallSigner,
  CalledBy,
  SERVICE_CALLERS,
  type ServiceCallers,
  ServiceCalls,
  callSigner,
  callingService,
} from './service-calls.js';
export * from './service-key.js';
export { watchOutbox } from './watch-outbox.js';
export { watchSetAside } from './watch-set-aside.js';
export * from './witness-policy.js';
