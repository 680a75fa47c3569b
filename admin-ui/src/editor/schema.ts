/** What may be written at a place of a YAML document, found by its indentation and a JSON Schema. Works while the document is half written. */
export interface JsonSchema {
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
  readonly definitions?: Readonly<Record<string, JsonSchema>>;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly items?: JsonSchema;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly type?: string | readonly string[];
  readonly description?: string;
}
export interface Suggestion {
  readonly label: string;
  readonly detail: string;
  readonly isKey: boolean;
  /** True when the key holds more keys or a list. */
  readonly opens: boolean;
}

const LIST = Symbol('entry of a list');
type Step = string | typeof LIST;

/** Suggestions at the end of `before`, the text up to the cursor; `word` is the part of the current word that is there. */
export function suggest(schema: JsonSchema, before: string): { readonly word: string; readonly suggestions: readonly Suggestion[] } {
  const lines = before.split('\n');
  const current = lines.pop() ?? '';
  const value = /^(\s*(?:-\s+)*)([\w-]+):\s+(?:\[.*?,?\s*)?([\w./:-]*)$/.exec(current);
  if (value !== null) {
    const [, lead = '', key = '', word = ''] = value;
    const path = [...pathAbove(lines, lead), key];
    return { word, suggestions: values(reach(schema, schema, path)) };
  }
  const start = /^(\s*(?:-\s+)*)([\w-]*)$/.exec(current);
  if (start === null) return { word: '', suggestions: [] };
  const [, lead = '', word = ''] = start;
  const places = reach(schema, schema, pathAbove(lines, lead));
  const there = siblings(lines, lead.length);
  const keys = places.flatMap((place) =>
    Object.entries(place.properties ?? {})
      .filter(([name]) => !there.has(name))
      .map(([label, one]) => ({ label, detail: one.description ?? '', isKey: true, opens: opens(schema, one) })),
  );
  return { word, suggestions: unique([...keys, ...(lead.includes('-') ? values(places) : [])]) };
}

/** Keys and lists that a line with this lead stands in, from the outside in. */
function pathAbove(lines: readonly string[], lead: string): readonly Step[] {
  const path: Step[] = [];
  // In `  - - key`, every dash opens an entry of a list at its own column.
  let column = lead.length;
  for (let at = lead.length - 1; at >= 0; at--) {
    if (lead[at] !== '-') continue;
    path.unshift(LIST);
    column = at;
  }
  let isEntry = lead.includes('-');
  for (let at = lines.length - 1; at >= 0 && (column > 0 || isEntry); at--) {
    const found = /^(\s*)((?:-\s+)*)([\w-]+):(.*)$/.exec(lines[at]!);
    if (found === null) continue;
    const [, indent = '', dashes = '', key = '', rest = ''] = found;
    const keyColumn = indent.length + dashes.length;
    // A list may stand at the column of the key that holds it.
    const holds = rest.trim() === '' || rest.trim().startsWith('#');
    if (holds && (keyColumn < column || (isEntry && keyColumn === column && dashes === ''))) {
      path.unshift(key);
      column = keyColumn;
      isEntry = false;
    }
    if (dashes !== '' && indent.length < column && keyColumn <= column) {
      path.unshift(LIST);
      column = indent.length;
      isEntry = true;
    }
  }
  return path;
}

/** Keys that the mapping at this column has already, looking back. */
function siblings(lines: readonly string[], column: number): ReadonlySet<string> {
  const names = new Set<string>();
  for (let at = lines.length - 1; at >= 0; at--) {
    const found = /^(\s*(?:-\s+)*)([\w-]+):/.exec(lines[at]!);
    if (found === null) continue;
    const [, lead = '', key = ''] = found;
    if (lead.length < column) break;
    if (lead.length > column) continue;
    names.add(key);
    if (lead.includes('-')) break;
  }
  return names;
}

/** Every schema that fits at the path, with references and alternatives opened. */
function reach(root: JsonSchema, schema: JsonSchema, path: readonly Step[], depth = 0): readonly JsonSchema[] {
  const here = open(root, schema, depth);
  if (path.length === 0) return here;
  const [step, ...rest] = path;
  return here.flatMap((one) => {
    const next =
      step === LIST
        ? one.items
        : (one.properties?.[step as string] ?? (typeof one.additionalProperties === 'object' ? one.additionalProperties : undefined));
    return next === undefined ? [] : reach(root, next, rest, depth + 1);
  });
}

const MAX_DEPTH = 24;

function open(root: JsonSchema, schema: JsonSchema, depth: number): readonly JsonSchema[] {
  if (depth > MAX_DEPTH) return [];
  if (schema.$ref !== undefined) {
    if (schema.$ref === '#') return [root];
    const name = schema.$ref.split('/').at(-1)!;
    const target = root.$defs?.[name] ?? root.definitions?.[name];
    return target === undefined ? [] : open(root, target, depth + 1);
  }
  return [
    schema,
    ...[...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])].flatMap((one) => open(root, one, depth + 1)),
  ];
}

function values(places: readonly JsonSchema[]): readonly Suggestion[] {
  return unique(
    places.flatMap((place) => {
      const list = place.const !== undefined ? [place.const] : (place.enum ?? (place.type === 'boolean' ? [true, false] : []));
      const inList = place.items === undefined ? [] : (place.items.enum ?? []);
      return [...list, ...inList].map((one) => ({ label: String(one), detail: place.description ?? '', isKey: false, opens: false }));
    }),
  );
}

function opens(root: JsonSchema, schema: JsonSchema): boolean {
  const forms = open(root, schema, 0).filter((form) => form.type !== undefined || form.enum !== undefined || form.const !== undefined);
  return forms.length > 0 && forms.every((form) => form.type === 'object' || form.type === 'array');
}

function unique(list: readonly Suggestion[]): readonly Suggestion[] {
  return [...new Map(list.map((one) => [one.label, one])).values()];
}
