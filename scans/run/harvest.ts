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

const ID = /^_?(id|uuid|guid|_id|pk)$/i;
const REFERENCE = /^(.+?)[-_]?(?:id|uuid|guid)$/i;
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

/** Names of collections on the way to a parameter or at the end of a path, nearest first. */
export const collectionsOf = (path: string): readonly string[] =>
  path
    .split('/')
    .filter((part) => part !== '' && !part.includes('{') && !isVersion(part))
    .reverse();

/** The resource that a parameter names (of `{orderId}` the order), and then those of the path before it. */
export function resourcesOf(name: string, pathBefore: string): readonly string[] {
  const named = REFERENCE.exec(name)?.[1];
  const plain = ID.test(name) ? [] : [named ?? name];
  return [...plain, ...collectionsOf(pathBefore).slice(0, 1)].map(singular);
}

export const isUserWord = (word: string): boolean =>
  /^(user|account|member|customer|profile|owner|person|patient|driver|reader|username|login|me)$/.test(word);

interface Sighting {
  readonly value: string;
  readonly resource: string;
  /** Normalised field name. */
  readonly field: string;
  /** The object itself, not a reference to it from another. */
  readonly isPrimary: boolean;
  /** A field beside it names the identity. */
  readonly isClaimed: boolean;
}

interface Seen {
  readonly sightings: Map<string, Sighting>;
  readonly byValue: Map<string, Set<string>>;
  /** `field value` of every leaf. */
  readonly leaves: Set<string>;
}

/** What each identity saw in answers: ids by resource, and whose they are. */
export class Harvest {
  readonly #seen = new Map<string, Seen>();
  readonly #given = new Map<string, readonly { readonly word: string; readonly value: string }[]>();
  /** Names of parameters anywhere: fields of these names are worth keeping. */
  readonly #wanted: ReadonlySet<string>;

  constructor(parameterNames: Iterable<string>) {
    this.#wanted = new Set([...parameterNames].map(singular));
  }

  #of(identity: string): Seen {
    const known = this.#seen.get(identity) ?? { sightings: new Map(), byValue: new Map(), leaves: new Set() };
    this.#seen.set(identity, known);
    return known;
  }

  /** Reads the answer of one identity to `path` (a template). */
  gather(identity: string, self: Self, path: string, body: string): void {
    const parsed = parseBody(body);
    if (parsed === null) return;
    const seen = this.#of(identity);
    const collection = collectionsOf(path)[0] ?? '';
    const isForFew = FOR_FEW.test(path);
    const visit = (value: unknown, resource: string, parent: string | null): void => {
      if (Array.isArray(value)) {
        for (const item of value) visit(item, resource, parent);
        return;
      }
      if (value === null || typeof value !== 'object') return;
      const leaves = Object.entries(value).filter(([, item]) => item !== null && typeof item !== 'object' && typeof item !== 'boolean');
      const isClaimed = leaves.some(([name, item]) => OWNER.test(name) && !ID.test(name) && isSelf(self, String(item)));
      for (const [name, item] of leaves) {
        const text = String(item);
        if (text === '' || text.length > 128) continue;
        if (!isForFew) seen.leaves.add(`${singular(name)} ${text}`);
        this.#sight(seen, resource, name, text, isClaimed);
      }
      for (const [name, item] of Object.entries(value))
        if (item !== null && typeof item === 'object')
          visit(
            item,
            /^(data|items?|results?|rows|records|list|content|payload|response|_embedded)$/i.test(name) ? resource : name,
            resource,
          );
    };
    visit(parsed, collection, null);
  }

  #sight(seen: Seen, resourceName: string, name: string, value: string, isClaimed: boolean): void {
    const resource = singular(resourceName);
    const field = singular(name);
    const referred = REFERENCE.exec(name)?.[1];
    const put = (of: string, isPrimary: boolean) => {
      const key = `${of} ${field} ${value}`;
      const before = seen.sightings.get(key);
      if (before === undefined && seen.sightings.size >= VALUES_KEPT * 20) return;
      seen.byValue.set(value, (seen.byValue.get(value) ?? new Set()).add(key));
      seen.sightings.set(key, {
        value,
        resource: of,
        field,
        isPrimary: isPrimary || before?.isPrimary === true,
        isClaimed: (isClaimed && isPrimary) || before?.isClaimed === true,
      });
    };
    if (ID.test(name)) put(resource, true);
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
    const resources = resourcesOf(name, pathBefore);
    const field = singular(name);
    const sightings = [...this.#of(identity).sightings.values()].reverse();
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
      const ownership = this.ownership(identity, self, one.value);
      return ownership === 'exclusive' ? 0 : one.isClaimed || ownership === 'claimed' ? 1 : 2;
    };
    const sorted = fitting.map((one, index) => ({ one, index, rank: rank(one) })).sort((a, b) => a.rank - b.rank || a.index - b.index);
    const given = (this.#given.get(identity) ?? [])
      .filter(({ word }) => resources.some((resource) => resource.startsWith(word)))
      .map(({ value }) => value);
    const own = [...selfFor(self, name, resources), ...(best(sorted).length > 0 ? [] : given)];
    return [...new Set([...own, ...best(sorted), ...sorted.map(({ one }) => one.value)])];
  }

  /** Whose a value is; null: nobody's in particular. */
  ownership(identity: string, self: Self, value: string): Ownership | null {
    const of = ({ sightings, byValue }: Seen) => [...(byValue.get(value) ?? [])].map((key) => sightings.get(key)!);
    const mine = of(this.#of(identity));
    const others = [...this.#seen].filter(([name]) => name !== identity).flatMap(([, seen]) => of(seen));
    const isPrimaryTo = (all: readonly Sighting[], resource: string) => all.some((one) => one.isPrimary && one.resource === resource);
    if (mine.some((one) => one.isPrimary && !isPrimaryTo(others, one.resource)) && !isSelf(self, value)) return 'exclusive';
    if (isSelf(self, value) || mine.some((one) => one.isClaimed) || (mine.length > 0 && others.length === 0)) return 'claimed';
    return null;
  }

  /** Did any other identity see a leaf of that name and value? */
  othersSaw(identity: string, field: string, value: string): boolean {
    const leaf = `${singular(field)} ${value}`;
    return [...this.#seen].some(([name, { leaves }]) => name !== identity && leaves.has(leaf));
  }
}

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
  /(e?mail|phone|mobile|address|street|ssn|birth|dob|card|iban|bank|balance|salary|credit|token|secret|password|latitude|longitude|location|diagnos|medical|blood|health|note|private|passport|licen[cs]e|tax|income|invoice|payment|total|amount|price|order|quantity|vin|pin|message|content|description|status|name)/i;
const PUBLIC = /^(user_?name|nick_?name|display_?name|name|title|description|status|content|avatar|bio)$/i;

/** Leaves of an answer that speak of a person, or of what is a person's. */
export function personalLeaves(body: string): readonly { readonly name: string; readonly value: string }[] {
  return fieldsOf(parseBody(body))
    .filter((field) => typeof field.value !== 'object' && PERSONAL.test(field.name) && !PUBLIC.test(field.name))
    .map(({ name, value }) => ({ name, value: String(value) }))
    .filter(({ value }) => value !== '' && value !== 'null');
}
