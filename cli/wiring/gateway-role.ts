/** What a process with a gateway loads: the larger half of weir, so roles load it when they have begun everything else. */
export { openGeo } from '../../attackers/index.js';
export { runGateway } from './gateway.js';
export { openPolicyBook } from './policies.js';
