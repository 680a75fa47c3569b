/**
 * The small half of what was learned: per route and resource, not per object. Plain JSON, so that it travels to gateways and into checkpoints.
 */
import { CONTAINER, ruledPath } from './paths.js';

/**
 * Relations that a slot may deny or allow, from the weakest claim to none. `public`: the object itself says that it is for the caller, too
 * ({@link Opening}).
 */
export const CLASSES = ['granted', 'listed', 'public', 'group', 'foreign'] as const;
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
  /** So many of the path's parameters before it belong to its id: numbers and names that are unique below them only. */
  readonly above?: number;
  readonly stances: Readonly<Record<AccessClass, Stance>>;
  /** Several people who have no such object of their own reach those of others here: parents, teachers, couriers. */
  readonly hasGuests?: boolean;
  /** Numbers of the roles whose members reach objects of others here as their job: what is denied to everybody else is not to them. */
  readonly roles?: readonly number[];
  /** Principals and accesses that the stances rest on, for explanations. */
  readonly principals: number;
  readonly accesses: number;
  /** JSON wrappings of values seen here. */
  readonly wrappings: readonly string[];
  /** Share of requests that repeat the parameter with other values. */
  readonly repeats: number;
  /** Share of the people here who sent bodies too long to be read whole; 0 also for one or two. Only of places in bodies. */
  readonly longBodies?: number;
}

export interface RouteRule {
  readonly slots: Readonly<Record<string, SlotRule>>;
}

/**
 * A field of a resource's objects that says whose they are. `party`: names people too, but hardly ever the one who asks, so that nothing says yet
 * whether the object is theirs as well (the seller of an order, before sellers came): that is a reason not to refuse them.
 */
export interface FieldRule {
  readonly path: string;
  readonly role: 'owner' | 'group' | 'party';
  /** Index into the sheet's kinds: which sort of identity value it holds. */
  readonly kind: number;
}

/** A value of a field that says for whom an object is: where it stands, everybody may read it, or all members of its group. */
export interface Opening {
  readonly path: string;
  /** Hash of the value. */
  readonly value: number;
  readonly to: 'everybody' | 'group';
}

/** A field that holds the id of what an object hangs on: whose a receipt is, its order says. */
export interface ParentRule {
  readonly path: string;
  /** What that is an id of. */
  readonly resource: string;
}

export interface ResourceRule {
  readonly fields: readonly FieldRule[];
  readonly openings?: readonly Opening[];
  readonly parent?: ParentRule;
  /** Ids say whose they are: all of one person's begin alike, and nobody else's do. */
  readonly stems?: true;
}

/** A resource's rule as it is looked up: with numbers for the paths, and what is asked of it often. */
export interface KnownRule extends ResourceRule {
  readonly owners: readonly KnownField[];
  readonly groups: readonly KnownField[];
  readonly parties: readonly KnownField[];
  /** Kinds under which the id itself may be one of the caller's names (`/users/{me}`). */
  readonly selfKinds: readonly number[];
  /** Kind of the first field that names a group; -1 without one. */
  readonly groupKind: number;
  /** Objects themselves name an owner; what they hang on is known of some only. */
  readonly hasOwner: boolean;
  readonly opens: readonly KnownOpening[];
  readonly hangsOn: KnownParent | null;
}

export interface KnownParent {
  readonly number: number;
  readonly service: string;
  readonly resource: string;
}

export interface KnownOpening extends Pick<Opening, 'value' | 'to'> {
  readonly number: number;
}

export interface KnownField {
  readonly number: number;
  readonly kind: number;
}

function known(service: string, rule: ResourceRule): KnownRule {
  const numbered = (role: FieldRule['role']): KnownField[] =>
    rule.fields
      .filter((field) => field.role === role && field.path !== '@')
      .map((field) => ({ number: ruledPath(field.path), kind: field.kind }));
  return {
    fields: rule.fields,
    ...(rule.stems === true ? { stems: true } : {}),
    owners: numbered('owner'),
    groups: numbered('group'),
    parties: numbered('party'),
    selfKinds: rule.fields.filter((field) => field.path === '@').map((field) => field.kind),
    groupKind: rule.fields.find((field) => field.role === 'group')?.kind ?? -1,
    hasOwner: rule.fields.some((field) => field.role === 'owner' && !field.path.startsWith(CONTAINER)),
    opens: (rule.openings ?? []).map(({ path, value, to }) => ({ number: ruledPath(path), value, to })),
    hangsOn: rule.parent === undefined ? null : { number: ruledPath(rule.parent.path), service, resource: rule.parent.resource },
  };
}

/** The names of what a request asks for; all the same where there is no operation. */
export interface Routes {
  readonly route: string;
  readonly pathRoute: string;
  readonly fieldRoute: string;
}

/** Places of GraphQL fields begin so: they hang on {@link Routes.fieldRoute}, whatever the operation. */
export const FIELD_SLOT = 'body:gql:';

export type SheetChange =
  | { readonly route: string; readonly rule: RouteRule | null }
  | { readonly resource: string; readonly rule: ResourceRule | null };

/** One stance for every class of access. */
export const sameForAll = (stance: Stance): Record<AccessClass, Stance> => {
  const stances = {} as Record<AccessClass, Stance>;
  for (const name of CLASSES) stances[name] = stance;
  return stances;
};

const UNSEEN: Stance = { is: 'open', confidence: 0, proven: false };

/** A change as it was saved as JSON, perhaps by a version that knew fewer classes of access. */
export function savedChange(text: string): SheetChange {
  const change = JSON.parse(text) as SheetChange;
  if (!('route' in change) || change.rule === null) return change;
  const slots = Object.entries(change.rule.slots).map(([slot, rule]) => {
    return [slot, { ...rule, stances: { ...sameForAll(UNSEEN), ...rule.stances } }];
  });
  return { ...change, rule: { slots: Object.fromEntries(slots) } };
}

const METHODS = ['GET', 'PUT', 'PATCH', 'DELETE', 'POST'] as const;
const NO_ROUTES: RouteRule[] = [];

/** All rules. */
export class Sheet {
  /** By `service␟route` and `service␟resource`. */
  readonly routes = new Map<string, RouteRule>();
  readonly resources = new Map<string, ResourceRule>();
  /** Grows with every change of a resource. */
  version = 0;

  /** The same by service and then by name: asked several times an access, without making a joined name each time. */
  readonly #routes = new Map<string, Map<string, RouteRule>>();
  readonly #resources = new Map<string, Map<string, KnownRule>>();

  apply(change: SheetChange): void {
    if ('route' in change) {
      put(this.routes, change.route, change.rule);
      putScoped(this.#routes, change.route, change.rule);
      return;
    }
    this.version++;
    put(this.resources, change.resource, change.rule);
    const service = change.resource.slice(0, change.resource.indexOf('\u001f'));
    putScoped(this.#resources, change.resource, change.rule === null ? null : known(service, change.rule));
  }

  route(service: string, name: string): RouteRule | undefined {
    return this.#routes.get(service)?.get(name);
  }

  /** What is known of the same path asked by other methods. */
  otherMethods(service: string, { route, pathRoute }: Routes): RouteRule[] {
    const routes = this.#routes.get(service);
    if (routes === undefined || route !== pathRoute) return NO_ROUTES;
    const path = pathRoute.slice(pathRoute.indexOf(' '));
    const found: RouteRule[] = [];
    for (const method of METHODS) {
      const rule = pathRoute.startsWith(`${method} `) ? undefined : routes.get(method + path);
      if (rule !== undefined) found.push(rule);
    }
    return found;
  }

  /** Is anything known of what a request asks for? */
  knows(service: string, { route, pathRoute, fieldRoute }: Routes): boolean {
    return (
      this.route(service, route) !== undefined ||
      (route !== pathRoute && this.route(service, pathRoute) !== undefined) ||
      (fieldRoute !== pathRoute && this.route(service, fieldRoute) !== undefined) ||
      this.otherMethods(service, { route, pathRoute, fieldRoute }).length > 0
    );
  }

  /** The rule of a place, by the operation or else by the path alone. */
  slot(service: string, { route, pathRoute, fieldRoute }: Routes, slot: string): SlotRule | undefined {
    if (slot.startsWith(FIELD_SLOT)) return this.route(service, fieldRoute)?.slots[slot];
    const rule = this.route(service, route)?.slots[slot];
    return rule !== undefined || route === pathRoute ? rule : this.route(service, pathRoute)?.slots[slot];
  }

  resource(service: string, name: string): KnownRule | undefined {
    return this.#resources.get(service)?.get(name);
  }

  changes(): SheetChange[] {
    return [
      ...[...this.routes].map(([route, rule]) => ({ route, rule })),
      ...[...this.resources].map(([resource, rule]) => ({ resource, rule })),
    ];
  }
}

function putScoped<V>(map: Map<string, Map<string, V>>, key: string, value: V | null): void {
  const cut = key.indexOf('\u001f');
  const service = key.slice(0, cut);
  let inner = map.get(service);
  if (inner === undefined) {
    inner = new Map();
    map.set(service, inner);
  }
  put(inner, key.slice(cut + 1), value);
}

function put<V>(map: Map<string, V>, key: string, value: V | null): void {
  if (value === null) map.delete(key);
  else map.set(key, value);
}

export const scoped = (service: string, name: string): string => `${service}\u001f${name}`;
