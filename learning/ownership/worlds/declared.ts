/**
 * Test support: worlds of unlike structure. `TUNING` are the ones thresholds were chosen on; `KEPT_BACK` were only run afterwards.
 */
import { bank } from './declared/bank.js';
import { care } from './declared/care.js';
import { clinic } from './declared/clinic.js';
import { files } from './declared/files.js';
import { graph } from './declared/graph.js';
import { iot } from './declared/iot.js';
import { market } from './declared/market.js';
import { saas } from './declared/saas.js';
import { social } from './declared/social.js';
import type { World } from './world.js';

export const TUNING: readonly World[] = [saas, social, bank, market, graph, iot, care];
export const KEPT_BACK: readonly World[] = [clinic, files];
