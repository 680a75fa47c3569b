/**
 * F3: the gateway. A reverse proxy in front of services that asks blocklist and policies about every exchange, and the Fastify plugin that does
 * the same for the routes of any app. It touches no store; what it needs from the rest of weir are the ports.
 */
export { AccessLogFile, type AccessLogOptions } from './access-log.js';
export { Counters } from './counters.js';
export { FAULTS, type FaultCode } from './errors.js';
export { createGateway, type Gateway, type GatewayAddress, type GatewayHealth, type GatewayStats, type UpstreamHealth } from './gateway.js';
export { countersText } from './metrics.js';
export {
  type GatewayConfig,
  type GatewayOptions,
  gatewaySchema,
  type Limits,
  type ListenerConfig,
  limitsSchema,
  listenerSchema,
  type ServiceConfig,
  type ServiceOptions,
  serviceSchema,
} from './options.js';
export { type RouteGuardOptions, routeGuard, type WeirRequest } from './plugin.js';
export {
  type AccessLogSink,
  type AccessQuestion,
  type BlockActorRequest,
  type BlocklistPort,
  type BlockVerdict,
  type GatewayPorts,
  noPolicies,
  type RouteMatch,
  trivialPorts,
} from './ports.js';
export { isWorker, runWorkers, type Workers, type WorkersOptions } from './workers.js';
