/** Keys and indices from the root to a value. Borrowed: valid during the call only. */
export type JsonPath = readonly (string | number)[];

/** A value met in JSON text. `start`/`end` bound the value; `memberStart` is where its key (or the item itself) begins. */
export interface JsonValue {
  readonly kind: 'string' | 'number' | 'literal' | 'object' | 'array';
  readonly start: number;
  readonly end: number;
  readonly memberStart: number;
}

interface Frame {
  readonly array: boolean;
  readonly start: number;
  readonly memberStart: number;
  /** Expects a key or item (or the end), a value, or a comma (or the end). */
  state: 'item' | 'value' | 'after';
  empty: boolean;
}

export type WalkEnd = 'complete' | 'truncated' | 'invalid' | 'too-deep';

/**
 * Walks JSON text (RFC 8259) without building it, so that values keep their place: a value is reported after everything inside it. Nothing is
 * thrown; text that ends early or is malformed is reported up to there. Both values of a repeated key are seen. Linear in the text.
 */
export function walkJson(text: string, maxDepth: number, visit: (path: JsonPath, value: JsonValue) => void): WalkEnd {
  const path: (string | number)[] = [];
  const frames: Frame[] = [];
  let memberStart = 0;
  let at = 0;
  let done = false;

  const leave = (kind: JsonValue['kind'], start: number, end: number, member: number): void => {
    visit(path, { kind, start, end, memberStart: member });
    const parent = frames.at(-1);
    if (parent === undefined) done = true;
    else {
      parent.state = 'after';
      if (!parent.array) path.pop();
    }
  };

  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === 32 || code === 10 || code === 13 || code === 9) {
      at++;
      continue;
    }
    if (done) return 'invalid';
    const frame = frames.at(-1);
    if (frame !== undefined && frame.state === 'after') {
      if (code === 44) {
        frame.state = 'item';
        frame.empty = false;
        if (frame.array) (path[path.length - 1] as number)++;
        at++;
        continue;
      }
      if (code !== (frame.array ? 93 : 125)) return 'invalid';
      frames.pop();
      if (frame.array) path.pop();
      at++;
      leave(frame.array ? 'array' : 'object', frame.start, at, frame.memberStart);
      continue;
    }
    if (frame !== undefined && frame.state === 'item') {
      if (frame.empty && code === (frame.array ? 93 : 125)) {
        frames.pop();
        if (frame.array) path.pop();
        at++;
        leave(frame.array ? 'array' : 'object', frame.start, at, frame.memberStart);
        continue;
      }
      memberStart = at;
      if (!frame.array) {
        if (code !== 34) return 'invalid';
        const end = stringEnd(text, at);
        if (end < 0) return 'truncated';
        path.push(unescaped(text.slice(at + 1, end - 1)));
        at = end;
        while (at < text.length && text.charCodeAt(at) <= 32) at++;
        if (at >= text.length) return 'truncated';
        if (text.charCodeAt(at) !== 58) return 'invalid';
        at++;
        frame.state = 'value';
        continue;
      }
      frame.state = 'value';
    }
    if (frame === undefined) memberStart = at;
    if (code === 123 || code === 91) {
      if (frames.length >= maxDepth) return 'too-deep';
      frames.push({ array: code === 91, start: at, memberStart, state: 'item', empty: true });
      if (code === 91) path.push(0);
      at++;
    } else if (code === 34) {
      const end = stringEnd(text, at);
      if (end < 0) return 'truncated';
      const start = at;
      at = end;
      leave('string', start, end, memberStart);
    } else {
      const start = at;
      while (at < text.length && isScalarCode(text.charCodeAt(at))) at++;
      if (at === start) return 'invalid';
      if (at === text.length && frames.length > 0) return 'truncated';
      leave(code === 45 || (code >= 48 && code <= 57) ? 'number' : 'literal', start, at, memberStart);
    }
  }
  return done ? 'complete' : 'truncated';
}

/** Offset behind the closing quote of the string that opens at `start`; -1 when it does not close. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  for (;;) {
    const quote = text.indexOf('"', at);
    if (quote < 0) return -1;
    let slashes = 0;
    while (text.charCodeAt(quote - 1 - slashes) === 92) slashes++;
    if (slashes % 2 === 0) return quote + 1;
    at = quote + 1;
  }
}

function unescaped(raw: string): string {
  if (!raw.includes('\\')) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return raw;
  }
}

const isScalarCode = (code: number): boolean =>
  (code >= 48 && code <= 57) || (code >= 97 && code <= 122) || (code >= 65 && code <= 90) || code === 45 || code === 43 || code === 46;

/** All values of a key that stands more than once in one object; readers may take either. */
export class Repeated {
  constructor(readonly values: unknown[]) {}
}

/**
 * Builds what the walk meets, also of text that ends early: open objects and arrays hold what was complete. A repeated key becomes `Repeated`.
 * `repeats` says whether there was one.
 */
export function buildJson(text: string, maxDepth: number): { readonly value: unknown; readonly end: WalkEnd; readonly repeats: boolean } {
  const root: { value: unknown } = { value: undefined };
  // One container a level; a value is put where its path says, and containers are made on the way.
  const open: (unknown[] | Record<string, unknown>)[] = [];
  const keys: (string | number)[] = [];
  let repeats = false;
  const put = (parent: unknown[] | Record<string, unknown>, key: string | number, value: unknown): void => {
    if (Array.isArray(parent)) parent[key as number] = value;
    else if (Object.hasOwn(parent, key)) {
      const before = parent[key];
      repeats = true;
      if (before instanceof Repeated) before.values.push(value);
      else parent[key] = new Repeated([before, value]);
    } else Object.defineProperty(parent, key, { value, enumerable: true, configurable: true, writable: true });
  };
  const close = (depth: number): void => {
    while (open.length > depth) {
      const container = open.pop()!;
      const key = keys.pop()!;
      if (open.length === 0) root.value = container;
      else put(open[open.length - 1], key, container);
    }
  };
  const end = walkJson(text, maxDepth, (path, value) => {
    const container = value.kind === 'object' || value.kind === 'array';
    const depth = path.length;
    if (container) {
      if (open.length > depth + 1) close(depth + 1);
      if (open.length <= depth) openTo(path, depth, value.kind === 'array');
      close(depth);
      return;
    }
    if (depth === 0) {
      root.value = scalarOf(text, value);
      return;
    }
    openTo(path, depth - 1, typeof path[depth - 1] === 'number');
    put(open[depth - 1], path[depth - 1], scalarOf(text, value));
  });
  close(0);
  return { value: root.value, end, repeats };

  function openTo(path: JsonPath, level: number, array: boolean): void {
    for (let index = open.length; index <= level; index++) {
      const isArray = index === level ? array : typeof path[index] === 'number';
      open.push(isArray ? [] : {});
      keys.push(index === 0 ? '' : path[index - 1]);
    }
  }
}

function scalarOf(text: string, value: JsonValue): unknown {
  const raw = text.slice(value.start, value.end);
  if (value.kind === 'string') return unescaped(raw.slice(1, -1));
  if (value.kind === 'number') return Number(raw);
  return raw === 'true' ? true : raw === 'false' ? false : raw === 'null' ? null : raw;
}
