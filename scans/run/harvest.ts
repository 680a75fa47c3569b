import { fieldsOf, parseBody } from './fields.js';

/** Who an identity is to the target: its ids, names and addresses, as login answers, tokens and profiles tell them. */
export interface Self {
  readonly ids: Set<string>;
  readonly names: Set<string>;
  readonly emails: Set<string>;
}

export const nobody = (): Self => ({ ids: new Set(), names: new Set(), emails: new Set() });

/** How sure it is that a value is of one identity alone. `exclusive`: only its own lists hold it; `claimed`: a field beside it, or a reference, says so. */
export type Ownership = 'exclusive' | 'claimed';

const ID = /^_?(id|uuid|guid|_id|pk|uid|oid|ref)$/i;
const REFERENCE = /^(.+?)[-_]?(?:id|uuid|guid)$/i;
/** What an object calls its own address, where others refer to it by that. */
const SELF_LINK = /^(url|href|uri|self|link|@id|resource_?uri)$/i;
/** What may stand at the end of a name that says which one is meant, and before it: `fromAccount`, `order_number`. */
const LAST_WORD = /^(id|uuid|guid|ref|reference|number|no|code|key|slug|token|hash)$/;
const FIRST_WORD = /^(from|to|source|target|src|dst|destination|parent|my|own|related|current|linked|default|primary|other)$/;
const NAMED = /^(.*[-_])?(number|code|slug|reference|ref|title|name|user_?name|login|handle|key|e?mail|vin)$/i;
const OWNER =
  /^(user|owner|author|creator|customer|patient|member|account|seller|driver|username|email|created_?by|belongs_?to)(_?(id|name|email|username))?$/i;
/** What such routes show to somebody is no proof that everybody may see it. */
const FOR_FEW = /(^|[/_-])(admin|staff|management|internal|debug|backoffice|operator|moderator)([/_-]|$)/i;
const VALUES_KEPT = 300;

/** `Order_Items` and `orderItems` are one word, in the singular. */
export const singular = (name: string): string =>
  name
    .toLowerCase()
    .replace(/[-_\s]/g, '')
    .replace(/ies$/, 'y')
    .replace(/(s|x|ch|sh)es$/, '$1')
    .replace(/s$/, '');

const isVersion = (part: string): boolean => /^v\d+(\.\d+)?$|^api$|^rest$/i.test(part);

/** `/orders.json` is of orders. */
export const FORMAT = /\.(json|xml|php|aspx?|jsp|do|action|html?)$/i;

/** Names of collections on the way to a parameter or at the end of a path, nearest first. */
export const collectionsOf = (path: string): readonly string[] =>
  path
    .split('/')
    .filter((part) => part !== '' && !part.includes('{') && !isVersion(part))
    .map((part) => part.replace(FORMAT, ''))
    .reverse();

const wordsOf = (name: string): readonly string[] =>
  name
    .replace(/([a-z\d])([A-Z])/g, '$1 $2')
    .toLowerCase()
    .split(/[\s._-]+/)
    .filter((word) => word !== '');

/** The thing that a name speaks of, without what only says which one or what for: `from_account_no` of an account. */
export function thingOf(name: string): string | null {
  const words = [...wordsOf(name)];
  while (words.length > 1 && LAST_WORD.test(words.at(-1)!)) words.pop();
  while (words.length > 1 && FIRST_WORD.test(words[0]!)) words.shift();
  return words.length === 0 || LAST_WORD.test(words[0]!) ? null : singular(words.join(''));
}

/** The resource that a parameter names (of `{orderId}` the order), and then those of the path before it. */
export function resourcesOf(name: string, pathBefore: string): readonly string[] {
  const named = REFERENCE.exec(name)?.[1];
  const plain = ID.test(name) ? [] : [named ?? name];
  const thing = thingOf(name);
  return [...new Set([...plain.map(singular), ...(thing === null ? [] : [thing]), ...collectionsOf(pathBefore).slice(0, 1).map(singular)])];
}

export const isUserWord = (word: string): boolean =>
  /^(user|account|member|customer|profile|owner|person|patient|driver|reader|username|login|me)$/.test(word);

const MAY_BE_OWNED = /^(account|member|profile|person|patient|driver|reader)$/;

interface Sighting {
  readonly value: string;
  readonly resource: string;
  /** Normalised field name. */
  readonly field: string;
  /** The object itself, not a reference to it from another. */
  readonly isPrimary: boolean;
  /** A field beside it names the identity. */
  readonly isClaimed: boolean;
  /** Given where the request itself named the identity: that only one saw it says less. */
  readonly isAskedFor: boolean;
  /** It stood in the request: the answer only repeats it. */
  readonly isEcho: boolean;
  /** Values in the path of the request that gave it: what it lies below. */
  readonly under: readonly string[];
}

/** What a place that holds a value speaks of: its name, and the resources that it may mean. */
export interface Meaning {
  readonly name: string;
  readonly resources: readonly string[];
}

/** Every table counts from one: 3 is a product, a basket and a user. */
const COUNTED = /^\d{1,6}$/;

const WRAPS = /^(data|items?|results?|rows|records|list|content|payload|response|_embedded)$/i;

/** What is known of a request whose answer is read. */
export interface Asked {
  /** Values in its path. */
  readonly under: readonly string[];
  /** All values that it holds. */
  readonly values: Iterable<string>;
}
const NOT_KNOWN: Asked = { under: [], values: [] };

/** Where a value was found. */
interface From {
  readonly isAskedFor: boolean;
  readonly sent: ReadonlySet<string>;
  readonly under: readonly string[];
}
const NOWHERE: From = { isAskedFor: false, sent: new Set(), under: [] };

interface Seen {
  readonly sightings: Map<string, Sighting>;
  readonly byValue: Map<string, Set<string>>;
  /** `field value` of every leaf. */
  readonly leaves: Set<string>;
}

/** What each identity saw in answers: ids by resource, and whose they are. */
export class Harvest {
  readonly #seen = new Map<string, Seen>();
  /** What any answer spoke of: resources, and names of fields. */
  readonly #resources = new Set<string>();
  readonly #fields = new Set<string>();
  readonly #given = new Map<string, readonly { readonly word: string; readonly value: string }[]>();
  /** Names of parameters anywhere: fields of these names are worth keeping. */
  readonly #wanted: ReadonlySet<string>;

  readonly #routes: readonly {
    readonly pattern: RegExp;
    readonly parameters: readonly { readonly name: string; readonly before: string }[];
  }[];

  /** `parameterNames`: of anything that requests are made of. `templates`: paths with parameters in braces. */
  constructor(parameterNames: Iterable<string>, templates: Iterable<string> = []) {
    this.#wanted = new Set([...parameterNames].map(singular));
    this.#routes = [...new Set(templates)]
      .filter((template) => template.includes('{'))
      .map((template) => ({
        pattern: patternOf(template),
        parameters: [...template.matchAll(/\{([^}]+)\}/g)].map(({ 1: name, index }) => ({ name: name!, before: template.slice(0, index) })),
      }));
  }

  #of(identity: string): Seen {
    const known = this.#seen.get(identity) ?? { sightings: new Map(), byValue: new Map(), leaves: new Set() };
    this.#seen.set(identity, known);
    return known;
  }

  /** Reads the answer of one identity to `path` (a template). */
  gather(identity: string, self: Self, path: string, body: string, asked: Asked = NOT_KNOWN): void {
    const parsed = parseBody(body);
    if (parsed === null) return;
    const seen = this.#of(identity);
    const collection = collectionsOf(path)[0] ?? '';
    const isForFew = FOR_FEW.test(path);
    const sent = new Set(asked.values);
    const isAskedFor = [...sent].some((value) => isSelf(self, value));
    const from = { isAskedFor, sent, under: asked.under };
    const visit = (value: unknown, resource: string, parent: string | null): void => {
      if (Array.isArray(value)) {
        for (const item of value) visit(item, resource, parent);
        return;
      }
      if (value === null || typeof value !== 'object') return;
      const leaves = Object.entries(value).filter(([, item]) => item !== null && typeof item !== 'object' && typeof item !== 'boolean');
      const isClaimed =
        leaves.some(([name, item]) => OWNER.test(name) && !ID.test(name) && isSelf(self, String(item))) || isOwnedBy(self, value);
      // JSON:API says of what kind an object is.
      const { type } = value as { readonly type?: unknown };
      if (typeof type === 'string' && /^[a-z][\w-]+$/i.test(type))
        for (const [name, item] of leaves) if (ID.test(name)) this.#sight(seen, type, name, String(item), isClaimed, from);
      for (const [name, item] of leaves) {
        const text = String(item);
        if (text === '' || text.length > 128) continue;
        if (!isForFew) seen.leaves.add(`${singular(name)} ${text}`);
        this.#sight(seen, resource, name, text, isClaimed, from);
      }
      for (const [name, item] of Object.entries(value))
        if (item !== null && typeof item === 'object') visit(item, WRAPS.test(name) ? resource : name, resource);
    };
    visit(parsed, collection, null);
  }

  /** Takes what stands in the place of a parameter in addresses that an answer holds: links (HAL, HTML), `Location`. */
  gatherLinks(identity: string, self: Self, links: Iterable<string>): void {
    const seen = this.#of(identity);
    for (const link of links)
      for (const { pattern, parameters } of this.#routes) {
        const values = pattern.exec(link)?.slice(1);
        if (values === undefined) continue;
        // The last is what the link is of; those before it are on the way.
        const { name, before } = parameters.at(-1)!;
        const value = decodedOr(values.at(-1)!);
        const resource = resourcesOf(name, before)[0] ?? singular(name);
        if (!/[{}:*]/.test(value) && !isSelf(self, value))
          this.#sight(seen, resource, 'id', value, false, { ...NOWHERE, under: values.slice(0, -1).map(decodedOr) });
      }
  }

  #sight(
    seen: Seen,
    resourceName: string,
    name: string,
    value: string,
    isClaimed: boolean,
    { isAskedFor, sent, under }: From = NOWHERE,
  ): void {
    const resource = singular(resourceName);
    const field = singular(name);
    const referred = REFERENCE.exec(name)?.[1];
    const put = (of: string, isPrimary: boolean) => {
      const key = `${of} ${field} ${value}`;
      const before = seen.sightings.get(key);
      if (before === undefined && seen.sightings.size >= VALUES_KEPT * 20) return;
      this.#resources.add(of);
      this.#fields.add(field);
      seen.byValue.set(value, (seen.byValue.get(value) ?? new Set()).add(key));
      seen.sightings.set(key, {
        value,
        resource: of,
        field,
        isPrimary: isPrimary || before?.isPrimary === true,
        isClaimed: (isClaimed && isPrimary) || before?.isClaimed === true,
        isAskedFor: isAskedFor && before?.isAskedFor !== false,
        isEcho: sent.has(value) && before?.isEcho !== false,
        under: under.length > 0 ? under : (before?.under ?? []),
      });
    };
    if (ID.test(name) || (SELF_LINK.test(name) && this.#routes.some(({ pattern }) => pattern.test(value)))) put(resource, true);
    else if (referred !== undefined) put(singular(referred), singular(referred) === resource);
    else if (this.#wanted.has(field) || (NAMED.test(name) && field.startsWith(resource))) put(resource, true);
  }

  /** An id that a login answer gave: `bid` may be the id of a basket. */
  give(identity: string, word: string, value: string): void {
    const given = this.#given.get(identity) ?? [];
    this.#given.set(identity, [...given, { word: singular(word), value }]);
    this.#sight(this.#of(identity), word, 'id', value, true);
  }

  /** Values that fit a parameter for one identity, best first: its own, then what it may claim, then whatever it saw. */
  candidates(identity: string, self: Self, name: string, pathBefore: string): readonly string[] {
    const sightings = [...this.#of(identity).sightings.values()].reverse();
    const near = resourcesOf(name, pathBefore);
    // `POST /tasks/bulk-archive` with `ids`: where nothing is called after the last word of the path, the one before it is meant.
    const further = ID.test(name) ? collectionsOf(pathBefore).slice(1, 2).map(singular) : [];
    const resources = sightings.some((one) => near.includes(one.resource)) ? near : [...near, ...further];
    const field = singular(name);
    const exactly = sightings.filter((one) => one.field === field && !ID.test(name) && field !== 'id');
    const ofResource = resources.flatMap((resource) => sightings.filter((one) => one.resource === resource));
    const hasId = (one: Sighting) => ID.test(one.field) || REFERENCE.test(one.field);
    const fitting = [
      ...ofResource.filter((one) => one.isPrimary && hasId(one)),
      ...exactly,
      ...ofResource.filter((one) => !one.isPrimary && hasId(one)),
      // No id anywhere: what names the object (a title, a number) is what the address holds.
      ...ofResource.filter((one) => one.isPrimary && !hasId(one)),
    ];
    const rank = (one: Sighting) => {
      const ownership = this.ownership(identity, self, one.value, { name, resources: [one.resource] });
      return ownership === 'exclusive' ? 0 : one.isClaimed || ownership === 'claimed' ? 1 : 2;
    };
    const sorted = fitting.map((one, index) => ({ one, index, rank: rank(one) })).sort((a, b) => a.rank - b.rank || a.index - b.index);
    const given = (this.#given.get(identity) ?? [])
      .filter(({ word }) => resources.some((resource) => resource.startsWith(word)))
      .map(({ value }) => value);
    const itself = selfFor(self, name, resources);
    const own = best(sorted);
    // A customer may have accounts of its own: where such were seen, they are meant, and not the customer.
    const first = resources.some((word) => MAY_BE_OWNED.test(word)) ? [...own, ...itself] : [...itself, ...own];
    return [...new Set([...first, ...(own.length > 0 ? [] : given), ...sorted.map(({ one }) => one.value)])];
  }

  /**
   * Whose a value is; null: nobody's in particular. `meant`: what the place speaks of where the value stands. A short number is then judged by what was seen of
   * that alone, where anything was.
   */
  ownership(identity: string, self: Self, value: string, meant: Meaning | null = null): Ownership | null {
    const { mine, others, isMe } = this.#whoSaw(identity, self, value, meant);
    const isPrimaryTo = (all: readonly Sighting[], resource: string) => all.some((one) => one.isPrimary && one.resource === resource);
    if (mine.some((one) => one.isPrimary && !one.isAskedFor && !one.isEcho && !isPrimaryTo(others, one.resource)) && !isMe)
      return 'exclusive';
    if (isMe || mine.some((one) => one.isClaimed) || (mine.some((one) => !one.isEcho) && others.length === 0)) return 'claimed';
    return null;
  }

  /** Is it, though claimed, in the lists of others too, and not the identity itself? */
  othersList(identity: string, self: Self, value: string, meant: Meaning | null = null): boolean {
    const { others, isMe } = this.#whoSaw(identity, self, value, meant);
    return !isMe && others.some((one) => one.isPrimary && !one.isAskedFor && !one.isEcho);
  }

  #whoSaw(identity: string, self: Self, value: string, meant: Meaning | null) {
    const known = meant !== null && COUNTED.test(value) && this.#speaksOf(meant) ? meant : null;
    const of = ({ sightings, byValue }: Seen) => {
      const all = [...(byValue.get(value) ?? [])].map((key) => sightings.get(key)!);
      return known === null ? all : all.filter(fitting(known));
    };
    const mine = of(this.#of(identity));
    const others = [...this.#seen].filter(([name]) => name !== identity).flatMap(([, seen]) => of(seen));
    const isMe = isSelf(self, value) && (known === null || known.resources.some(isUserWord));
    return { mine, others, isMe };
  }

  /** Did any answer hold what is meant? */
  #speaksOf({ name, resources }: Meaning): boolean {
    return resources.some((one) => this.#resources.has(one)) || (!ID.test(name) && this.#fields.has(singular(name)));
  }

  /** Does an answer to `path` (a template) hold ids that are of this identity alone? */
  holdsOwn(identity: string, self: Self, path: string, body: string): boolean {
    const holds = (value: unknown, resource: string): boolean => {
      if (Array.isArray(value)) return value.some((item) => holds(item, resource));
      if (value === null || typeof value !== 'object') return false;
      const { type } = value as { readonly type?: unknown };
      const resources = [resource, ...(typeof type === 'string' ? [type] : [])].map(singular);
      return Object.entries(value).some(([name, item]) =>
        item !== null && typeof item === 'object'
          ? holds(item, WRAPS.test(name) ? resource : name)
          : ID.test(name) && this.ownership(identity, self, String(item), { name, resources }) === 'exclusive',
      );
    };
    return holds(parseBody(body), collectionsOf(path)[0] ?? '');
  }

  /** What the request was for that gave this value: ids that it lies below. Empty: not known. */
  under(identity: string, value: string): readonly string[] {
    const { byValue, sightings } = this.#of(identity);
    return [...(byValue.get(value) ?? [])].map((key) => sightings.get(key)!.under).find((one) => one.length > 0) ?? [];
  }

  /** Did any other identity see a leaf of that name and value? */
  othersSaw(identity: string, field: string, value: string): boolean {
    const leaf = `${singular(field)} ${value}`;
    return [...this.#seen].some(([name, { leaves }]) => name !== identity && leaves.has(leaf));
  }
}

const fitting =
  ({ name, resources }: Meaning) =>
  (one: Sighting): boolean =>
    resources.includes(one.resource) || (!ID.test(name) && one.field === singular(name));

/** An object that holds another, named owner or user, which is the identity itself. */
function isOwnedBy(self: Self, value: object, depth = 0): boolean {
  return Object.entries(value).some(([name, item]) => {
    if (item === null || typeof item !== 'object' || Array.isArray(item)) return false;
    if (name === 'relationships' && depth === 0) return isOwnedBy(self, item, 1);
    if (!OWNER.test(name)) return false;
    const inner: object = 'data' in item && item.data !== null && typeof item.data === 'object' ? item.data : item;
    return Object.entries(inner).some(
      ([field, one]) => (ID.test(field) || /^(user_?name|e?mail|login)$/i.test(field)) && isSelf(self, String(one)),
    );
  });
}

/** A path that the template describes, alone or at the end of an address. */
function patternOf(template: string): RegExp {
  const source = template
    .split(/\{[^}]+\}/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('([^/?#]+?)');
  return new RegExp(`^(?:https?://[^/]+)?${source}/?(?:[?#].*)?$`);
}

function decodedOr(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Addresses in an answer: texts of JSON that are paths or URLs, and what elements of a page point to. */
export function linksIn(body: string, location: string | undefined): readonly string[] {
  const found = location === undefined ? [] : [location];
  const parsed = parseBody(body);
  if (parsed !== null)
    for (const { value } of fieldsOf(parsed))
      if (typeof value === 'string' && /^(\/|https?:\/\/)[^\s]{1,300}$/.test(value)) found.push(value);
  if (/^\s*</.test(body))
    for (const { 1: link } of body.slice(0, PAGE_LIMIT).matchAll(/\b(?:href|action|data-url)\s*=\s*["']([^"'\s]{1,300})["']/gi))
      found.push(link!);
  return found;
}

const PAGE_LIMIT = 500_000;

export const isSelf = (self: Self, value: string): boolean => self.ids.has(value) || self.names.has(value) || self.emails.has(value);

const best = (sorted: readonly { readonly one: Sighting; readonly rank: number }[]): readonly string[] =>
  sorted.filter(({ rank }) => rank < 2).map(({ one }) => one.value);

function selfFor(self: Self, name: string, resources: readonly string[]): readonly string[] {
  if (/e?mail$/i.test(name)) return [...self.emails];
  if (/(user_?name|login|handle|nick_?name)$/i.test(name)) return [...self.names, ...self.emails];
  if (!resources.some(isUserWord)) return [];
  return self.ids.size > 0 ? [...self.ids] : [...self.names, ...self.emails];
}

const PERSONAL =
  /(e?mail|phone|mobile|address|street|ssn|birth|dob|card|iban|bank|balance|salary|credit|token|secret|password|latitude|longitude|location|diagnos|medical|blood|health|note|private|passport|licen[cs]e|tax|income|invoice|payment|total|amount|price|order|quantity|vin|pin|pass|reminder|hint|answer|question|wallet|memo|journal|grade|coupon|voucher|ticket|seat|booking|appointment|prescription|symptom|plate|mileage|subject|document|attachment|contract|message|content|description|status|name)/i;
const PUBLIC = /^(user_?name|nick_?name|display_?name|name|title|description|status|content|avatar|bio)$/i;

/** Leaves of an answer that speak of a person, or of what is a person's. */
export function personalLeaves(body: string): readonly { readonly name: string; readonly value: string }[] {
  return fieldsOf(parseBody(body))
    .filter((field) => typeof field.value !== 'object' && PERSONAL.test(field.name) && !PUBLIC.test(field.name))
    .map(({ name, value }) => ({ name, value: String(value) }))
    .filter(({ value }) => value !== '' && value !== 'null');
}
