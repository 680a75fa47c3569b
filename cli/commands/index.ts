import type { Command } from 'commander';
import type { CommandContext } from '../main.js';
import { registerClassify } from './classify.js';
import { registerPcap } from './pcap.js';

/** Every command, in the order of `weir --help`. */
export const commands: readonly ((program: Command, context: CommandContext) => void)[] = [registerClassify, registerPcap];
