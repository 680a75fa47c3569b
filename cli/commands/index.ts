import type { Command } from 'commander';
import type { CommandContext } from '../main.js';
import { registerBlock } from './block.js';
import { registerClassify } from './classify.js';
import { registerDoctor } from './doctor.js';
import { registerImport } from './import.js';
import { registerLists } from './lists.js';
import { registerMode } from './mode.js';
import { registerPcap } from './pcap.js';
import { registerPolicies } from './policies.js';
import { registerRoles } from './roles.js';
import { registerScan } from './scan.js';
import { registerTests } from './tests.js';

/** Every command, in the order of `weir --help`. */
export const commands: readonly ((program: Command, context: CommandContext) => void)[] = [
  registerRoles,
  registerLists,
  registerBlock,
  registerMode,
  registerPolicies,
  registerScan,
  registerTests,
  registerImport,
  registerPcap,
  registerClassify,
  registerDoctor,
];
