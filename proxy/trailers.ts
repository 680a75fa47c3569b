import type { HeaderList } from '../exchange/index.js';
import { mayTrail, mayTrailAnswer } from './request-head.js';
import type { HeaderChanges } from './services.js';
import { isFieldText } from './upstream-wire.js';

/** Trailer fields as undici gives them, as text. */
export function trailerList(raw: string[] | Buffer[] | null): string[] {
  return raw === null || raw.length === 0 ? [] : raw.map((one) => one.toString('latin1'));
}

/**
 * The trailer fields of an answer that its client may get, as an object, which HTTP/1.1 and HTTP/2 responses both take; repeated names become one
 * list (RFC 9110 §5.3). `owner` is told of each of the others. Node throws where nobody can catch it when HTTP/2 trailers hold a connection-specific field.
 */
export function trailersByName(list: readonly string[], owner: { trailerDropped(): void }): Record<string, string> {
  // Without a prototype: an upstream may name a trailer `constructor`.
  const out: Record<string, string> = Object.create(null) as Record<string, string>;
  for (let index = 0; index < list.length; index += 2) {
    const name = list[index].toLowerCase();
    if (!mayTrailAnswer(name) || !isFieldText([name, list[index + 1]])) {
      owner.trailerDropped();
      continue;
    }
    out[name] = name in out ? `${out[name]}, ${list[index + 1]}` : list[index + 1];
  }
  return out;
}

/** The trailer fields of a request that an upstream may get: nothing that a client could not say in the head either. Flat. */
export function onwardTrailers(raw: HeaderList, changes: HeaderChanges | null): string[] {
  const out: string[] = [];
  for (let index = 0; index < raw.length; index += 2) {
    const field = [raw[index], raw[index + 1]];
    if (goesOn(raw[index], changes) && isFieldText(field)) out.push(...field);
  }
  return out;
}

/** The `Trailer` field that announces them, flat; empty when none of the names goes on. */
export function announcement(names: string, changes: HeaderChanges | null): string[] {
  const list = names.split(',').map((name) => name.trim());
  const announced = list.filter((name) => goesOn(name, changes) && isFieldText([name, ''])).join(', ');
  return announced === '' ? [] : ['trailer', announced];
}

function goesOn(name: string, changes: HeaderChanges | null): boolean {
  return mayTrail(name) && changes?.gone.has(name.toLowerCase()) !== true;
}
