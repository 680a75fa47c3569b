import type { Random } from './random.js';
import { CLOSED_KINDS, SHAPED_KINDS, VALUES, WORDY_KINDS } from './values.js';
import { ADJECTIVES, type Casing, inventedWord, joinWords, NOUNS, plural, SPECIALS, VERBS } from './words.js';

/** A parameter of a made-up API: its values and the fixed text around them inside the segment. */
export interface MadeParameter {
  readonly values: readonly string[];
  readonly before: string;
  readonly after: string;
}
export type MadeSegment = string | MadeParameter;

export interface MadeEndpoint {
  readonly method: string;
  readonly segments: readonly MadeSegment[];
  /** Top-level keys of its answers; empty when answers have none. */
  readonly keys: readonly string[];
}

const FIELDS =
  'id name title status created_at updated_at createdAt updatedAt owner description email amount currency items total count url type tags price quantity address phone role enabled state version content author data meta links page size next cursor result error value score label code kind notes parent children position color start end duration country city zip lat lon'.split(
    ' ',
  );

/** Conventions that one API keeps to: spelling, kinds of ids, which methods it uses, what it answers. */
class Maker {
  readonly endpoints: MadeEndpoint[] = [];
  readonly casing: Casing;
  readonly idKind: string;
  readonly plurals: boolean;
  readonly updates: readonly string[];
  readonly wordShare: number;
  private readonly envelope: readonly string[] | null;
  private readonly answersHaveKeys: boolean;
  private readonly usedWords = new Set<string>();
  private readonly idOf = new Map<string, MadeParameter>();
  private readonly suffix: string;

  constructor(readonly r: Random) {
    this.casing = r.pick(['kebab', 'kebab', 'snake', 'camel', 'camel', 'pascal', 'flat'] as const);
    this.idKind = r.pick(SHAPED_KINDS);
    this.plurals = r.chance(0.8);
    this.updates = r.pick([['PUT'], ['PATCH'], ['PUT', 'PATCH'], ['POST']]);
    this.wordShare = r.pick([0, 0.1, 0.3, 0.7, 1]);
    this.envelope = r.chance(0.25)
      ? r.pick([['data'], ['data', 'error'], ['result', 'success', 'errors'], ['code', 'message', 'data']])
      : null;
    this.answersHaveKeys = r.chance(0.65);
    this.suffix = r.chance(0.08) ? r.pick(['.json', '.json', '.xml', '.php']) : '';
  }

  /** A resource name that this API has not used yet. */
  noun(compound = 0.25): string {
    for (let tries = 0; tries < 20; tries++) {
      const base = this.r.chance(0.12) ? inventedWord(this.r) : this.r.pick(NOUNS);
      const words = this.r.chance(compound) ? [this.r.pick(this.r.chance(0.5) ? ADJECTIVES : NOUNS), base] : [base];
      if (this.plurals) words[words.length - 1] = plural(words[words.length - 1]);
      const name = joinWords(words, this.casing);
      if (this.usedWords.has(name)) continue;
      this.usedWords.add(name);
      return name;
    }
    return inventedWord(this.r);
  }

  action(): string {
    const words = [this.r.pick(VERBS)];
    if (this.r.chance(0.35)) words.push(this.r.pick(NOUNS));
    return joinWords(words, this.casing);
  }

  parameter(kind: string, before = '', after = ''): MadeParameter {
    const size = this.r.chance(0.15) ? this.r.int(2, 12) : this.r.int(20, 400);
    const values = new Set<string>();
    for (let tries = 0; tries < size * 2 && values.size < size; tries++) values.add(VALUES[kind](this.r));
    return { values: [...values], before, after };
  }

  /** A closed list of words: `{type}` with a few values. */
  enumeration(count = this.r.int(2, 9)): MadeParameter {
    const source = this.r.chance(0.5) ? NOUNS : ADJECTIVES;
    const upper = this.r.chance(0.2);
    return { values: this.r.some(source, count).map((word) => (upper ? word.toUpperCase() : word)), before: '', after: '' };
  }

  /** The id of a resource; the same parameter wherever the resource is named. */
  id(resource: string, wordy = this.r.chance(this.wordShare)): MadeParameter {
    let known = this.idOf.get(resource);
    if (known === undefined) {
      known = this.parameter(wordy ? this.r.pick(WORDY_KINDS) : this.r.chance(0.85) ? this.idKind : this.r.pick(SHAPED_KINDS));
      this.idOf.set(resource, known);
    }
    return known;
  }

  fields(count = this.r.int(3, 10)): string[] {
    return this.r.some(FIELDS, count);
  }

  add(method: string, segments: readonly MadeSegment[], keys: readonly string[]): void {
    const path = segments.flatMap((segment): MadeSegment[] =>
      typeof segment === 'string' ? segment.split('/').filter((one) => one !== '') : [segment],
    );
    if (this.suffix !== '' && path.length > 0) {
      const last = path[path.length - 1];
      path[path.length - 1] = typeof last === 'string' ? last + this.suffix : { ...last, after: last.after + this.suffix };
    }
    this.endpoints.push({ method, segments: path, keys: !this.answersHaveKeys || method === 'DELETE' ? [] : (this.envelope ?? keys) });
  }
}

/** Collections with items, actions, static siblings and nested collections. */
function crud(make: Maker, prefix: readonly MadeSegment[], count: number): void {
  const { r } = make;
  const richness = r.pick([0.4, 0.7, 0.95]);
  for (let index = 0; index < count; index++) {
    const name = make.noun();
    collection(make, [...prefix, name], name, richness, r.chance(0.5) ? r.int(0, 3) : 0, 0);
  }
}

function collection(make: Maker, path: readonly MadeSegment[], name: string, richness: number, children: number, level: number): void {
  const { r } = make;
  const one = make.fields();
  const many = r.chance(0.5) ? ['items', 'total', 'page'] : one;
  if (r.chance(0.9)) make.add('GET', path, many);
  if (r.chance(richness)) make.add('POST', path, one);
  if (r.chance(0.12)) make.add('DELETE', path, []);
  const item = [...path, make.id(name)];
  const hasItem = r.chance(0.85);
  if (hasItem) {
    if (r.chance(0.92)) make.add('GET', item, one);
    for (const method of make.updates) if (r.chance(richness)) make.add(method, item, one);
    if (r.chance(richness)) make.add('DELETE', item, []);
  }
  for (const special of r.some(SPECIALS, r.chance(0.35) ? r.int(1, 4) : 0))
    make.add(r.chance(0.8) ? 'GET' : 'POST', [...path, special], r.chance(0.5) ? one : make.fields());
  if (r.chance(0.15))
    for (const special of r.some(ADJECTIVES, r.int(1, 5))) make.add('GET', [...path, special], r.chance(0.7) ? many : make.fields());
  if (r.chance(0.15)) make.add('GET', [...path, `by-${r.pick(NOUNS)}`, make.id(r.pick(NOUNS))], one);
  if (!hasItem) return;
  for (let index = r.chance(0.3) ? r.int(1, 4) : 0; index > 0; index--)
    make.add(r.pick(['POST', 'POST', 'PUT', 'GET']), [...item, make.action()], r.chance(0.5) ? one : make.fields());
  for (let index = 0; index < children; index++) {
    const child = make.noun(0.15);
    if (r.chance(0.3)) make.add('GET', [...item, child], make.fields());
    else collection(make, [...item, child], child, richness, level < 2 && r.chance(0.3) ? 1 : 0, level + 1);
  }
}

/** Many resources with the same tree below each: what stands at one place are different resources, not values of one. */
function family(make: Maker, prefix: readonly MadeSegment[]): void {
  const { r } = make;
  const count = r.int(5, 45);
  const shape = r.int(0, 4);
  const shared = make.fields();
  const sameKeys = r.chance(0.06);
  const children = Array.from({ length: r.int(1, 3) }, () => make.noun(0));
  const actions = Array.from({ length: r.int(1, 3) }, () => make.action());
  const id = make.parameter(r.chance(0.8) ? make.idKind : r.pick(WORDY_KINDS));
  for (let index = 0; index < count; index++) {
    const name = make.noun(0.4);
    const keys = sameKeys ? shared : make.fields();
    const path = [...prefix, name];
    const methods = r.chance(0.85) ? ['GET', 'POST'] : ['GET'];
    if (shape !== 3) for (const method of methods) make.add(method, path, keys);
    if (shape >= 1) {
      make.add('GET', [...path, id], keys);
      if (r.chance(0.85)) make.add(make.updates[0], [...path, id], keys);
      if (r.chance(0.85)) make.add('DELETE', [...path, id], []);
    }
    if (shape >= 2) for (const child of children) if (r.chance(0.8)) make.add('GET', [...path, id, child], keys);
    if (shape === 4) for (const action of actions) if (r.chance(0.8)) make.add('POST', [...path, action], keys);
  }
}

/** Verbs instead of resources. */
function rpc(make: Maker, prefix: readonly MadeSegment[]): void {
  const { r } = make;
  const method = r.pick(['POST', 'POST', 'GET', null]);
  const form = r.int(0, 3);
  const groups = Array.from({ length: r.int(1, 12) }, () => make.noun());
  for (const group of groups) {
    for (let index = r.int(2, 14); index > 0; index--) {
      const verb = r.pick(VERBS);
      const object = r.pick(NOUNS);
      const name = joinWords(r.chance(0.7) ? [verb, object] : r.chance(0.5) ? [verb] : [verb, r.pick(ADJECTIVES), object], make.casing);
      const segments =
        form === 0
          ? [`${group}.${name}`]
          : form === 1
            ? [group, name]
            : form === 2
              ? [name]
              : [group, name, ...(r.chance(0.25) ? [make.id(object)] : [])];
      make.add(method ?? r.pick(['GET', 'POST']), [...prefix, ...segments], make.fields());
    }
  }
}

/** Places named by people: `/repos/{owner}/{repo}/…`, `/{account}/{container}`. */
function named(make: Maker, prefix: readonly MadeSegment[]): void {
  const { r } = make;
  const first = make.parameter(r.pick(['user', 'org', 'org', 'word', 'name', 'host', 'slug', 'title', 'opaque']));
  const second = make.parameter(r.pick(['name', 'word', 'slug', 'name', 'user', 'code', 'numbered']));
  const root: MadeSegment[] = r.chance(0.75) ? [...prefix, make.noun(0), first] : [...prefix, first];
  const below = r.chance(0.6) ? [...root, second] : root;
  make.add('GET', root, make.fields());
  if (r.chance(0.5)) make.add(r.pick(['PUT', 'DELETE', 'PATCH', 'POST']), root, make.fields());
  if (below !== root) {
    make.add('GET', below, make.fields());
    if (r.chance(0.5)) make.add(r.pick(['PUT', 'DELETE', 'PATCH']), below, make.fields());
  }
  crud(make, below, r.int(1, 14));
  if (r.chance(0.3)) make.add('GET', [...below, make.noun(), make.parameter(r.pick(WORDY_KINDS))], make.fields());
}

/** Static pages and reports, some of them in long lists of look-alike words. */
function pages(make: Maker, prefix: readonly MadeSegment[]): void {
  const { r } = make;
  const root = r.chance(0.7) ? [...prefix, make.noun()] : prefix;
  const method = r.chance(0.85) ? 'GET' : 'POST';
  const sameKeys = r.chance(0.12) ? make.fields() : null;
  for (let index = r.int(3, 40); index > 0; index--) {
    const words = r.chance(0.5) ? [r.pick(ADJECTIVES), r.pick(NOUNS)] : r.chance(0.5) ? [r.pick(NOUNS)] : [r.pick(NOUNS), r.pick(NOUNS)];
    make.add(method, [...root, joinWords(words, make.casing), ...(r.chance(0.08) ? [r.pick(SPECIALS)] : [])], sameKeys ?? make.fields());
  }
}

/** Codes, dates, coordinates and formats, one after another. */
function coded(make: Maker, prefix: readonly MadeSegment[]): void {
  const { r } = make;
  for (let index = r.int(1, 6); index > 0; index--) {
    const path: MadeSegment[] = [...prefix, make.noun()];
    const keys = make.fields();
    for (let depth = r.int(1, 4); depth > 0; depth--) {
      if (r.chance(0.2)) path.push(make.noun(0));
      path.push(
        r.chance(0.2)
          ? make.enumeration()
          : make.parameter(
              r.chance(0.55)
                ? r.pick(CLOSED_KINDS)
                : r.pick(['date', 'float', 'small', 'ticker', 'code', 'datetime', 'ip', 'word', 'email', 'sku']),
            ),
      );
      if (r.chance(0.35)) make.add('GET', [...path], keys);
    }
    make.add('GET', path, keys);
  }
}

/** Enumerated words with a tree below: `/categories/{kind}/items`. */
function enumerated(make: Maker, prefix: readonly MadeSegment[]): void {
  const { r } = make;
  const kind = make.enumeration(r.chance(0.6) ? r.int(2, 14) : r.int(15, 60));
  const path = [...prefix, make.noun(), kind];
  const keys = make.fields();
  make.add('GET', path, keys);
  if (r.chance(0.5)) make.add('POST', path, keys);
  if (r.chance(0.6)) make.add('GET', [...path, make.id(make.noun())], keys);
  if (r.chance(0.4)) make.add('GET', [...path, make.noun()], make.fields());
  if (r.chance(0.4)) make.add(r.pick(['GET', 'POST']), [...path, make.id(make.noun()), make.id(make.noun()), make.action()], make.fields());
  if (r.chance(0.5)) for (const word of r.some(SPECIALS, r.int(1, 4))) make.add('GET', [...path.slice(0, -1), word], make.fields());
}

/** Long management paths with constants between the parameters, and custom verbs after a colon. */
function management(make: Maker, prefix: readonly MadeSegment[]): void {
  const { r } = make;
  const scope: MadeSegment[] = [...prefix, make.noun(0), make.parameter(r.pick(['uuid', 'opaque', 'name', 'int']))];
  if (r.chance(0.6)) scope.push(make.noun(0.6), make.parameter(r.pick(['name', 'slug', 'word'])));
  if (r.chance(0.5)) scope.push('providers', joinWords([inventedWord(r), r.pick(NOUNS)], r.pick(['dot', 'pascal'])));
  for (let index = r.int(2, 12); index > 0; index--) {
    const name = make.noun(0.5);
    const item = [...scope, name, make.id(name, r.chance(0.7))];
    const keys = make.fields();
    make.add('GET', [...scope, name], keys);
    make.add('GET', item, keys);
    if (r.chance(0.7)) make.add('PUT', item, keys);
    if (r.chance(0.7)) make.add('DELETE', item, []);
    if (r.chance(0.25)) {
      const last = item[item.length - 1] as MadeParameter;
      for (const verb of r.some(VERBS, r.int(1, 4))) make.add('POST', [...item.slice(0, -1), { ...last, after: `:${verb}` }], keys);
    } else for (const verb of r.some(VERBS, r.int(0, 3))) make.add('POST', [...item, joinWords([verb], make.casing)], keys);
  }
}

/** Text around a parameter inside its segment. */
function mixed(make: Maker, prefix: readonly MadeSegment[]): void {
  const { r } = make;
  for (let index = r.int(1, 4); index > 0; index--) {
    const path = [...prefix, make.noun()];
    const keys = make.fields();
    const kind = r.pick(['int', 'int', 'uuid', 'word', 'opaque', 'user']);
    const [before, after] = r.pick([
      ['', '.json'],
      ['', '.xml'],
      ['@', ''],
      [`${r.pick(NOUNS)}-`, ''],
      ['', '.pdf'],
    ]);
    const parameter = make.parameter(before.length > 1 ? 'small' : kind, before, after);
    make.add('GET', [...path, parameter], keys);
    if (r.chance(0.5)) make.add('GET', path, keys);
  }
}

const PREFIXES = [
  '',
  '',
  '',
  'api',
  'api/v1',
  'api/v2',
  'v1',
  'v1',
  'v2',
  'v3',
  'rest',
  'rest/v1',
  'api/rest/2.0',
  'services',
  '1.0',
  '2',
  'public/api',
  'v1beta1',
  '2019-06-01',
  'api/internal',
];
const STYLES: readonly [weight: number, (make: Maker, prefix: readonly MadeSegment[]) => void][] = [
  [6, (make, prefix) => crud(make, prefix, make.r.int(2, 25))],
  [3, family],
  [3, rpc],
  [3, named],
  [2.5, pages],
  [1.5, coded],
  [1.5, enumerated],
  [1.5, management],
  [0.7, mixed],
];

/** One API of one to four styles below a common prefix; duplicates of method and template are dropped. */
export function makeApi(r: Random): MadeEndpoint[] {
  const make = new Maker(r);
  const text = r.pick(PREFIXES);
  const prefix: MadeSegment[] = text === '' ? [] : text.split('/');
  if (r.chance(0.08)) prefix.push(r.chance(0.5) ? make.noun() : make.parameter(r.pick(['org', 'locale', 'language', 'uuid', 'opaque'])));
  for (let count = r.pick([1, 1, 2, 2, 3, 4]); count > 0; count--) {
    let at = r.next() * STYLES.reduce((sum, [weight]) => sum + weight, 0);
    const style =
      STYLES.find(([weight]) => {
        at -= weight;
        return at < 0;
      }) ?? STYLES[0];
    style[1](make, r.chance(0.25) ? [...prefix, make.noun()] : prefix);
  }
  const seen = new Set<string>();
  return make.endpoints.filter((endpoint) => {
    const key = `${endpoint.method} ${endpoint.segments.map((segment) => (typeof segment === 'string' ? segment : `${segment.before}{}${segment.after}`)).join('/')}`;
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

export interface MadeCall {
  readonly method: string;
  readonly segments: string[];
  /** True where the segment is (or holds) a parameter value. */
  readonly isValue: boolean[];
  readonly keys: string[];
}

/** Index of the value that is drawn: each alike, a few more often, or the k-th with 1/k. */
function rankBy(r: Random, law: 'even' | 'power' | 'zipf', count: number): number {
  const rank = law === 'even' ? count * r.next() : law === 'power' ? count * r.next() ** 2.5 : Math.exp(r.next() * Math.log(count + 1)) - 1;
  return Math.min(count - 1, Math.floor(rank));
}

/** Traffic of an API: popularity from even to steep, values drawn with repetition, optional keys that are sometimes absent. */
export function* makeTraffic(r: Random, endpoints: readonly MadeEndpoint[], meanCalls: number): Generator<MadeCall> {
  const steepness = r.pick([0, 0.4, 0.8, 0.8, 1.1]);
  const law = r.pick(['even', 'power', 'zipf', 'zipf'] as const);
  const dropped = r.pick([0, 0.03, 0.1]);
  const order = r.some(endpoints, endpoints.length);
  const weights = order.map((_, rank) => (rank + 1) ** -steepness);
  const sum = weights.reduce((a, b) => a + b, 0);
  const least = r.chance(0.7) ? 1 : 0;
  const queue = order.flatMap((endpoint, rank) =>
    new Array<MadeEndpoint>(least + Math.round((Math.max(0, meanCalls - least) * endpoints.length * weights[rank]) / sum)).fill(endpoint),
  );
  for (const endpoint of r.some(queue, queue.length)) {
    const isValue = endpoint.segments.map((segment) => typeof segment !== 'string');
    const segments = endpoint.segments.map((segment) => {
      if (typeof segment === 'string') return segment;
      return segment.before + segment.values[rankBy(r, law, segment.values.length)] + segment.after;
    });
    yield { method: endpoint.method, segments, isValue, keys: endpoint.keys.filter((_, index) => index === 0 || !r.chance(dropped)) };
  }
}
