/** Test support: what several worlds say alike. */
import { hex, type Json } from '../world.js';

export const bearer = (token: string): Record<string, string> => ({ authorization: `Bearer ${token}` });

export const opaque =
  (prefix: string, n = 32) =>
  (user: { id: string }, i: number, seed: string): string =>
    prefix + hex(`${seed}${user.id}token${i}`, n);

export const body = (name: string) => (): Json => ({ [name]: 'changed' });
