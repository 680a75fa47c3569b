import { pathNumber } from './paths.js';
import { foldName, isEnvelope } from './shape.js';

/**
 * What the keys of JSON answers mean, worked out once for each key and each path of keys: the objects of a list all have the same ones, so that
 * reading one is a look-up a key.
 */

const ID_KEYS = ['id', '_id', 'uuid', 'guid', 'uid', 'ID', 'Id', '@id'];
const SECOND_ID_KEYS = ['slug', 'key', 'code', 'number', 'no', 'nr', 'ref', 'reference', 'handle'];
/** Rank of a key whose values are no ids. */
export const NO_ID_RANK = 98;
const NO_NUMBER = -1;
const MEMBER_NAME = /^(?:_?id|uuid|uid|.*[a-z](?:_id|Id|-id)|user|member|username|email|login|handle)$/;
const ID_SUFFIX = /^(?:id|uuid|guid|key|ref|no|number|code|)$/;
const ID_OF = /^(.*[A-Za-z0-9])(?:[_-](?:id|ID|uuid|no|nr|number|ref|code)|I[dD]|Uuid|No|Nr|Number|Ref|Code)$/;
/** What is numbered or coded and is no object. */
const IS_NO_OBJECT =
  /(?:phone|mobile|fax|post|postal|zip|country|currency|language|lang|status|error|reason|tax|vat|version|line|house|street|serial|room|floor|seat|flat)$/i;
const NAMES_PEOPLE =
  /(?:owner|user|author|creator|customer|client|member|patient|account|holder|buyer|seller|sender|recipient|assignee|profile|person|tenant|org|organi[sz]ation|company|team|group)$/i;
/** Together with those below them, long names counting for several; beyond, everything is forgotten and worked out again. */
const MAX_STEPS = 40_000;
const weightOf = (spelling: string): number => 1 + (spelling.length >>> 6);

/** One spelling of a key. */
export class Key {
  readonly folded: string;
  readonly isEnvelope: boolean;
  /** How good an id a value under it makes: the less the better, up to 7 always, {@link NO_ID_RANK} never. */
  readonly idRank: number;
  /** What an id under this key is the id of: `device` of `deviceId`; empty when the key is not called like an id of something, or of people. */
  readonly idOf: string;
  /** It holds fields of the object itself, not another object. */
  readonly isOwnPart: boolean;
  /** It may say what the object is. */
  readonly isType: boolean;
  readonly #isPlural: boolean;
  #resource = '';
  #isIdOfIt = false;

  constructor(spelling: string) {
    this.folded = foldName(spelling);
    this.#isPlural = spelling.length > this.folded.length && /s$/i.test(spelling);
    this.isEnvelope = isEnvelope(spelling);
    const first = ID_KEYS.indexOf(spelling);
    const second = SECOND_ID_KEYS.indexOf(spelling);
    this.idRank = first >= 0 ? first : second >= 0 ? ID_KEYS.length + second : NO_ID_RANK;
    const of = ID_OF.exec(spelling)?.[1] ?? '';
    this.idOf = of === '' || NAMES_PEOPLE.test(of) || IS_NO_OBJECT.test(of) ? '' : foldName(of);
    this.isType = spelling === 'type' || spelling === '__typename';
    this.isOwnPart = spelling === 'attributes' || spelling === 'relationships' || spelling === '_links' || spelling.startsWith('$');
  }

  /** `orderNo` is an id of an order, and so is `order` when it is a scalar; `orders` says how many there are. */
  isIdOf(resource: string): boolean {
    if (resource !== this.#resource) {
      this.#resource = resource;
      this.#isIdOfIt =
        this.folded.startsWith(resource) &&
        ID_SUFFIX.test(this.folded.slice(resource.length)) &&
        (this.folded !== resource || !this.#isPlural);
    }
    return this.#isIdOfIt;
  }
}

/** A way from the top of an object down to a field. */
export class Step {
  /** The step beside this one that came after it last. */
  next: Step | null = null;
  readonly #children = new Map<string, Step>();
  #members: Map<string, number> | null = null;
  #path = NO_NUMBER;
  #listPath = NO_NUMBER;

  constructor(
    readonly key: Key,
    readonly spelling: string,
    private readonly at: string,
  ) {}

  /** Number of the path of a scalar here; -1 when there are too many paths: asked again each time. */
  get path(): number {
    if (this.#path < 0) this.#path = pathNumber(this.at === '' ? this.key.folded : this.at);
    return this.#path;
  }

  /** The same for the scalars of a list. */
  get listPath(): number {
    if (this.#listPath < 0) this.#listPath = pathNumber(`${this.at}[]`);
    return this.#listPath;
  }

  /** The step below; envelopes below the top do not show in the path. */
  child(spelling: string, depth: number): Step {
    let step = this.#children.get(spelling);
    if (step === undefined) {
      const key = keyOf(spelling);
      const at = key.isEnvelope && depth > 0 ? this.at : this.at === '' ? key.folded : `${this.at}.${key.folded}`;
      step = new Step(key, spelling, at);
      this.#children.set(spelling, step);
      made += weightOf(at);
    }
    return step;
  }

  /** The same at the top, where objects of a list have the same keys in the same order: after `before` there mostly comes what came last time. */
  childAfter(before: Step, spelling: string): Step {
    const { next } = before;
    if (next !== null && next.spelling === spelling) return next;
    const step = this.child(spelling, 0);
    before.next = step;
    return step;
  }

  /** Number of the path of a field of the objects in a list here; -1 for fields that say nothing about people. */
  memberPath(spelling: string): number {
    this.#members ??= new Map();
    let path = this.#members.get(spelling);
    if (path === undefined) {
      const isMember = MEMBER_NAME.test(spelling);
      path = isMember ? pathNumber(`${this.at}[].${foldName(spelling)}`) : -1;
      if (isMember && path < 0) return path;
      this.#members.set(spelling, path);
      made += weightOf(spelling);
    }
    return path;
  }
}

let keys = new Map<string, Key>();
let made = 0;
let top: Step | null = null;

export function keyOf(spelling: string): Key {
  let key = keys.get(spelling);
  if (key === undefined) {
    key = new Key(spelling);
    keys.set(spelling, key);
    made += weightOf(spelling);
  }
  return key;
}

/** The top of every object. */
export function stepsBelow(): Step {
  if (top === null || made > MAX_STEPS) {
    keys = new Map();
    made = 0;
    top = new Step(keyOf(''), '', '');
  }
  return top;
}
