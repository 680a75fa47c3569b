/**
 * Test support: worlds of unlike structure. `TUNING` are the ones thresholds were chosen on; `KEPT_BACK` were only run afterwards.
 */

import { b2b } from './declared/b2b.js';
import { bank } from './declared/bank.js';
import { care } from './declared/care.js';
import { chat } from './declared/chat.js';
import { clinic } from './declared/clinic.js';
import { drive } from './declared/drive.js';
import { files } from './declared/files.js';
import { forge } from './declared/forge.js';
import { graph } from './declared/graph.js';
import { hal } from './declared/hal.js';
import { iot } from './declared/iot.js';
import { market } from './declared/market.js';
import { rpc } from './declared/rpc.js';
import { saas } from './declared/saas.js';
import { school } from './declared/school.js';
import { social } from './declared/social.js';
import type { World } from './world.js';

export const TUNING: readonly World[] = [saas, social, bank, market, graph, iot, care];
/** Unlike all of these, and written after the thresholds were chosen. */
export const UNLIKE: readonly World[] = [chat, school, forge, rpc, hal, drive, b2b];
export const KEPT_BACK: readonly World[] = [clinic, files];
