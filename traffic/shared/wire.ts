import type { Delta } from './delta.js';

/** What a thread and the hub say over the port of a shared state. */
export type ToHub =
  | { readonly kind: 'open'; readonly name: string }
  | { readonly kind: 'write'; readonly name: string; readonly delta: Delta; readonly seq: number };

export type ToThread =
  | { readonly kind: 'snapshot'; readonly name: string; readonly deltas: readonly Delta[]; readonly state: 'live' | 'stale' }
  | { readonly kind: 'delta'; readonly name: string; readonly delta: Delta }
  | { readonly kind: 'state'; readonly name: string; readonly state: 'live' | 'stale' }
  | { readonly kind: 'opened'; readonly name: string; readonly problem: string | null }
  | { readonly kind: 'written'; readonly seq: number; readonly problem: string | null };
