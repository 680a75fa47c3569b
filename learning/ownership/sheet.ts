/**
 * The small half of what was learned: per route and resource, not per object. Plain JSON, so that it travels to gateways and into checkpoints.
 */

/** Relations that a slot may deny or allow, from the weakest claim to none. */
export const CLASSES = ['granted', 'listed', 'group', 'unlisted', 'foreign'] as const;
export type AccessClass = (typeof CLASSES)[number];

/** What is known about one class of access at one slot. */
export interface Stance {
  /** `deny`: hardly anybody does this here; `allow`: a visible share does; `grey`: between; `open`: too little was seen. */
  readonly is: 'deny' | 'allow' | 'grey' | 'open';
  /** 0–1, that an access of this class is not meant to be. */
  readonly confidence: number;
  /** Proven in shadow: may block. */
  readonly proven: boolean;
}

/** A place of a route where an object is named (or `answer`: the objects that an id-free route answers with). */
export interface SlotRule {
  readonly resource: string;
  readonly stances: Readonly<Record<AccessClass, Stance>>;
  /** Principals and accesses that the stances rest on, for explanations. */
  readonly principals: number;
  readonly accesses: number;
  /** Shape classes of values seen here, and JSON wrappings. */
  readonly shapes: string;
  readonly wrappings: readonly string[];
  /** Share of requests that repeat the parameter with other values. */
  readonly repeats: number;
}

export interface RouteRule {
  readonly slots: Readonly<Record<string, SlotRule>>;
}

/** A field of a resource's objects that says whose they are. */
export interface FieldRule {
  readonly path: string;
  readonly role: 'owner' | 'group';
  /** Index into the sheet's kinds: which sort of identity value it holds. */
  readonly kind: number;
}

export interface ResourceRule {
  readonly fields: readonly FieldRule[];
}

export type SheetChange =
  | { readonly route: string; readonly rule: RouteRule | null }
  | { readonly resource: string; readonly rule: ResourceRule | null };

/** All rules, by `service␟route` and `service␟resource`. */
export class Sheet {
  readonly routes = new Map<string, RouteRule>();
  readonly resources = new Map<string, ResourceRule>();

  /** Service → resource → rule: asked several times an access, without making a joined name each time. */
  readonly #byService = new Map<string, Map<string, ResourceRule>>();

  apply(change: SheetChange): void {
    if ('route' in change) {
      put(this.routes, change.route, change.rule);
      return;
    }
    put(this.resources, change.resource, change.rule);
    const cut = change.resource.indexOf('\u001f');
    const service = change.resource.slice(0, cut);
    let rules = this.#byService.get(service);
    if (rules === undefined) {
      rules = new Map();
      this.#byService.set(service, rules);
    }
    put(rules, change.resource.slice(cut + 1), change.rule);
  }

  resource(service: string, name: string): ResourceRule | undefined {
    return this.#byService.get(service)?.get(name);
  }

  changes(): SheetChange[] {
    return [
      ...[...this.routes].map(([route, rule]) => ({ route, rule })),
      ...[...this.resources].map(([resource, rule]) => ({ resource, rule })),
    ];
  }
}

function put<V>(map: Map<string, V>, key: string, value: V | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

export const scoped = (service: string, name: string): string => `${service}\u001f${name}`;
