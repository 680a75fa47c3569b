/** Parameters inside a segment: what the values of one group have in common around the part that varies. */

/** A value of a group: its text as seen and how it is keyed in the tree. */
export interface Member {
  readonly text: string;
  readonly calls: number;
}

/** `pattern` is the segment with `{}` for what varies; `{}` alone is the plain parameter. */
export interface Grouping<M extends Member> {
  readonly pattern: string;
  readonly members: M[];
}

const VERBS_AT_MOST = 24;
const VERB_TAIL = /^(.+):([A-Za-z][A-Za-z]*)$/;
const EXTENSION = /^(.+)\.([A-Za-z][A-Za-z0-9]{1,4})$/;
const FORMATS = new Set([
  'json',
  'xml',
  'html',
  'htm',
  'csv',
  'yaml',
  'yml',
  'pdf',
  'txt',
  'php',
  'aspx',
  'jsp',
  'do',
  'png',
  'jpg',
  'svg',
  'rss',
  'atom',
  'ics',
  'js',
  'zip',
  'mp4',
  'mp3',
  'gif',
]);

/** Splits the values of one parameter by the text that surrounds the varying part. Every member lands in exactly one group. */
export function splitByPattern<M extends Member>(members: readonly M[]): Grouping<M>[] {
  const stems = new Map<string, number>();
  for (const member of members) {
    const verb = VERB_TAIL.exec(member.text);
    if (verb !== null) stems.set(verb[2], (stems.get(verb[2]) ?? 0) + 1);
  }
  const groups = new Map<string, M[]>();
  const plain: M[] = [];
  for (const member of members) {
    const verb = stems.size === 0 ? null : VERB_TAIL.exec(member.text);
    // `urn:isbn` is a value with a colon; `42:cancel`, or one verb after several stems, is an action.
    const action = verb !== null && (member.text.startsWith('<') || (stems.size <= VERBS_AT_MOST && stems.get(verb[2])! >= 2));
    if (action) put(groups, `{}:${verb[2]}`, member);
    else plain.push(member);
  }
  const result: Grouping<M>[] = [...groups].map(([pattern, list]) => ({ pattern, members: list }));
  if (plain.length > 0) result.push(...bySurroundings(plain));
  return result;
}

function bySurroundings<M extends Member>(members: readonly M[]): Grouping<M>[] {
  const whole = (pattern: string): Grouping<M>[] => [{ pattern, members: [...members] }];
  if (members.length < 2) {
    const only = EXTENSION.exec(members[0].text);
    return only !== null && FORMATS.has(only[2].toLowerCase()) && members[0].text.startsWith('<') ? whole(`{}.${only[2]}`) : whole('{}');
  }
  const endings = members.map((member) => EXTENSION.exec(member.text)?.[2] ?? null);
  const known = endings.filter((ending) => ending !== null && FORMATS.has(ending.toLowerCase()));
  if (known.length === members.length) {
    const distinct = new Set(known);
    if (distinct.size === 1) return whole(`{}.${known[0]}`);
    const tails = new Map<string, Set<string>>();
    for (const member of members) {
      const split = EXTENSION.exec(member.text)!;
      const stem = tails.get(split[1]);
      if (stem === undefined) tails.set(split[1], new Set([split[2]]));
      else stem.add(split[2]);
    }
    if ([...tails.values()].some((tail) => tail.size >= 2)) return whole('{}.{}');
    return whole('{}');
  }
  const shaped = members.filter((member) => member.text.startsWith('<'));
  if (shaped.length === 0) {
    const sigil = members[0].text[0];
    if ('@~$!'.includes(sigil) && members.every((member) => member.text[0] === sigil && member.text.length > 1)) return whole(`${sigil}{}`);
    if (members.length >= 4) {
      const prefix = commonPrefix(members);
      if (prefix !== '' && members.every((member) => /^\d+$/.test(member.text.slice(prefix.length)))) return whole(`${prefix}{}`);
    }
    return whole('{}');
  }
  // Shaped values with and without a format are two templates: `/orders/{id}` and `/orders/{id}.json`.
  const groups = new Map<string, M[]>();
  for (const member of members) {
    const tail = member.text.startsWith('<') ? (EXTENSION.exec(member.text)?.[2] ?? null) : null;
    put(groups, tail !== null && FORMATS.has(tail.toLowerCase()) ? `{}.${tail}` : '{}', member);
  }
  return [...groups].map(([pattern, list]) => ({ pattern, members: list }));
}

/** Text up to and including the last `-`, `_` or `.` that all members begin with; empty when they do not share a word. */
function commonPrefix(members: readonly Member[]): string {
  let prefix = members[0].text;
  for (const member of members) while (!member.text.startsWith(prefix)) prefix = prefix.slice(0, -1);
  const cut = /^[A-Za-z]{2,}.*[-_.]/.exec(prefix);
  return cut === null ? '' : cut[0];
}

/**
 * Static words that differ only in the format they end in: `map.json`, `map.xml`, `map.csv` are `map.{}`. Needs three formats of one word, or two words
 * with two formats each over the host.
 */
export function formatStems(texts: readonly string[]): Map<string, string[]> {
  const stems = new Map<string, string[]>();
  for (const text of texts) {
    const split = EXTENSION.exec(text);
    if (split !== null && FORMATS.has(split[2].toLowerCase())) put(stems, split[1], text);
  }
  const several = [...stems].filter(([, list]) => list.length >= 2);
  return new Map(several.length >= 2 || several.some(([, list]) => list.length >= 3) ? several : []);
}

function put<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
