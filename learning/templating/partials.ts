import { SIGILS } from './shapes.js';

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
const NUMBERED_FROM = 4;
const FORMATS_FROM = 3;
const WORDS_AT_MOST = 12;
const WORD = /^[A-Z]?[a-z]+(?:[-_.]?[A-Z]?[a-z]+)*$/;
const VERB_TAIL = /^(.+):([A-Za-z][A-Za-z]*)$/;
const EXTENSION = /^(.+)\.([A-Za-z][A-Za-z0-9]{1,7})$/;
/** Formats that answers come in, of documents, data, maps and media. */
const FORMATS = new Set(
  (
    'json xml html htm xhtml csv tsv yaml yml pdf txt php aspx jsp do png jpg jpeg svg gif webp rss atom ics js jsonp jsonld ndjson jsonl ' +
    'xls xlsx doc docx ppt pptx odt ods rtf md zip gz mp4 mp3 wav geojson topojson kml kmz gml gmlz shp shpz gpx wkt mvt pbf parquet avro proto vcf'
  ).split(' '),
);

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
  const words = members.filter((member) => !member.text.startsWith('<'));
  if (words.length > 0 && words.length < members.length) {
    const named = wordsInFormats(words);
    if (named.size > 0) {
      const rest = members.filter((member) => !named.has(stemOf(member)));
      return [
        ...bySurroundings(rest),
        ...[...named].map((stem) => ({ pattern: `${stem}.{}`, members: members.filter((member) => stemOf(member) === stem) })),
      ];
    }
    // What has a word in front is another thing than the bare values beside it.
    const own = bySurroundings(words);
    if (own.every(({ pattern }) => !pattern.startsWith('{}')))
      return [...bySurroundings(members.filter((member) => member.text.startsWith('<'))), ...own];
  }
  const endings = members.map((member) => EXTENSION.exec(member.text)?.[2] ?? null);
  const known = endings.filter((ending) => ending !== null && FORMATS.has(ending.toLowerCase()));
  if (known.length === members.length) {
    const distinct = new Set(known);
    if (distinct.size === 1) return whole(`${numberedPrefix(members)}{}.${known[0]}`);
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
  if (words.length === members.length) {
    const sigil = members[0].text[0];
    return whole(
      (sigil === '$' || SIGILS.includes(sigil)) && members.every(({ text }) => text[0] === sigil && text.length > 1) ? `${sigil}{}` : '{}',
    );
  }
  // Shaped values with and without a format are two templates: `/orders/{id}` and `/orders/{id}.json`.
  const groups = new Map<string, M[]>();
  for (const member of members) {
    const tail = member.text.startsWith('<') ? (EXTENSION.exec(member.text)?.[2] ?? null) : null;
    put(groups, tail !== null && FORMATS.has(tail.toLowerCase()) ? `{}.${tail}` : '{}', member);
  }
  return [...groups].map(([pattern, list]) => ({ pattern, members: list }));
}

const stemOf = ({ text }: Member): string => EXTENSION.exec(text)?.[1] ?? text;

/** Words beside values that come in three formats and more, as values seldom do: `near.json`, `near.csv`, `near.kml` beside `42.json` are a place of their own. */
function wordsInFormats(words: readonly Member[]): ReadonlySet<string> {
  const stems = [...formatStems(words.map(({ text }) => text))].filter(([stem, list]) => list.length >= FORMATS_FROM && WORD.test(stem));
  return new Set(stems.length <= WORDS_AT_MOST ? stems.map(([stem]) => stem) : []);
}

/**
 * The words in front of a number that differs, in names of files: `report-` of `report-1.pdf`, `report-7.pdf`, …; empty unless at least four files are
 * named so. Without a format nothing is cut off: `usr_42` and `INV-2024-00101` name an object as a whole, and answers name it the same.
 */
function numberedPrefix(files: readonly Member[]): string {
  if (files.length < NUMBERED_FROM) return '';
  const prefix = /^[a-z][A-Za-z]*(?:[-_.][A-Za-z]+)*[-_.](?=\d)/.exec(files[0].text)?.[0] ?? '';
  return files.every(({ text }) => text.startsWith(prefix) && /^\d+\.\w+$/.test(text.slice(prefix.length))) ? prefix : '';
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
