import {
  addSample,
  addTally,
  type Context,
  loadContext,
  newContext,
  type RegimeSettings,
  type Sample,
  saveContext,
  stancesOf,
  type Tally,
  tallyOf,
} from './contexts.js';
import { typeFields } from './fields.js';
import type { Knowledge, Relation } from './knowledge.js';
import type { Objects } from './objects.js';
import { namedKind, type People } from './people.js';
import type { Reference, RouteReading } from './references.js';
import { isGloballyUnique, shapeOf } from './shape.js';
import { type ResourceRule, type RouteRule, type SheetChange, type SlotRule, type Stance, scoped } from './sheet.js';

const MAX_CONTEXTS = 60_000;
const MAX_IDS = 200_000;
const MAX_SHOWN = 20_000;
/** Too few people to be sure of this place, but the others of the service are private: worth an alert, and no more. */
const PRIVATE_BY_CUSTOM: Stance = { is: 'grey', confidence: 0.55, proven: false };
/** From so many people on a place speaks for itself. */
const ENOUGH_PEOPLE = 6;

/** What places tell the model: a rule that changed, a piece that must be saved again. */
export interface PlacePorts {
  change(change: SheetChange): void;
  touched(piece: string): void;
}

/**
 * Every place where objects are reached (a slot of a route, a list, a creation): which resource it is about, by what answers show, and what its rule
 * is, by who reached whose objects there.
 */
export class Places {
  readonly #contexts = new Map<string, Context>();
  readonly #ofResource = new Map<string, Set<Context>>();
  /** Resources that answers have shown under that name. */
  readonly #shown = new Set<string>();
  /** Id value → resources that answers showed it as; two generations, the older one is forgotten as a whole. */
  #ids = new Map<number, string[]>();
  #olderIds = new Map<number, string[]>();
  readonly #typedAt = new Map<string, number>();
  readonly #known: Knowledge;
  readonly #people: People;
  readonly #objects: Objects;
  readonly #regime: RegimeSettings;
  readonly #ports: PlacePorts;

  constructor(known: Knowledge, people: People, objects: Objects, regime: RegimeSettings, ports: PlacePorts) {
    this.#known = known;
    this.#people = people;
    this.#objects = objects;
    this.#regime = regime;
    this.#ports = ports;
  }

  get size(): number {
    return this.#contexts.size;
  }

  get provenSlots(): number {
    let proven = 0;
    for (const context of this.#contexts.values()) if (context.rule?.stances.foreign.proven === true) proven++;
    return proven;
  }

  /** Accesses seen at all places. */
  get uses(): number {
    let uses = 0;
    for (const context of this.#contexts.values()) uses += context.uses;
    return uses;
  }

  get(service: string, route: string, slot: string): Context | undefined {
    return this.#contexts.get(contextKey(service, route, slot));
  }

  /** A route goes on under another template: its samples count for the new one. */
  rename(service: string, before: string, after: string): void {
    for (const [key, context] of [...this.#contexts]) {
      if (context.service !== service || context.route !== before) continue;
      this.#contexts.delete(key);
      this.#ofResource.get(scoped(service, context.resource))?.delete(context);
      const target = this.make(service, after, context.slot, context.resource, context.mutates);
      for (const sample of context.samples) addSample(target, sample);
      target.uses += context.uses;
      this.refresh(target);
    }
  }

  save(key: string): string | null {
    const context = this.#contexts.get(key);
    return context === undefined ? null : JSON.stringify(saveContext(context, this.#objects.pathOf));
  }

  load(value: string): void {
    const context = loadContext(JSON.parse(value) as ReturnType<typeof saveContext>, (path) => this.#objects.pathId(path));
    this.#contexts.set(context.key, context);
    this.#joinResource(context);
  }

  /** After a restart: every place has the rule that the sheet holds for it. */
  readRules(): void {
    for (const context of this.#contexts.values())
      context.rule = this.#known.sheet.routes.get(scoped(context.service, context.route))?.slots[context.slot] ?? null;
  }

  /** An answer showed this id as this resource. */
  noteId(service: string, id: string, resource: string): void {
    if (this.#shown.size < MAX_SHOWN) this.#shown.add(scoped(service, resource));
    const value = this.#known.valueHash(id);
    const held = this.#shownAs(value);
    if (held === undefined) this.#ids.set(value, [resource]);
    else if (held.length < 4 && !held.includes(resource)) held.push(resource);
    if (this.#ids.size < MAX_IDS / 2) return;
    this.#olderIds = this.#ids;
    this.#ids = new Map();
  }

  #shownAs(value: number): string[] | undefined {
    const held = this.#ids.get(value);
    if (held !== undefined) return held;
    const older = this.#olderIds.get(value);
    if (older !== undefined) this.#ids.set(value, older);
    return older;
  }

  /** The place of a reference; null where values are no references, as far as is known. */
  at(service: string, reading: RouteReading, reference: Reference, mutates: boolean): Context | null {
    const key = contextKey(service, reading.route, reference.slot);
    let context = this.#contexts.get(key);
    const seenAs = this.#shownAs(this.#known.valueHash(reference.value));
    if (context === undefined) {
      // Outside the path nearly everything is no reference: a place counts once its values are ids that answers have shown.
      if (
        reference.place !== 'path' &&
        seenAs === undefined &&
        this.#people.holder(this.#known.valueHash(reference.value), namedKind(reference.value)) === undefined
      )
        return null;
      context = this.make(service, reading.route, reference.slot, reference.hint, mutates);
    }
    if (seenAs !== undefined && context.votes.size < 6) {
      const weight = isGloballyUnique(reference.value) ? 1 : 0.1;
      const resource =
        reference.hint !== '' && (seenAs.includes(reference.hint) || this.#shown.has(scoped(service, reference.hint)))
          ? reference.hint
          : seenAs[0];
      context.votes.set(resource, (context.votes.get(resource) ?? 0) + weight);
    }
    if (context.shapes.size < 6) context.shapes.add(shapeOf(reference.value));
    return context;
  }

  /** The place of that name, made when new. */
  make(service: string, route: string, slot: string, resource: string, mutates: boolean): Context {
    const key = contextKey(service, route, slot);
    let context = this.#contexts.get(key);
    if (context === undefined) {
      context = newContext(key, service, route, slot, resource, mutates);
      if (this.#contexts.size < MAX_CONTEXTS) this.#contexts.set(key, context);
      this.#joinResource(context);
    }
    return context;
  }

  #joinResource(context: Context): void {
    const name = scoped(context.service, context.resource);
    let members = this.#ofResource.get(name);
    if (members === undefined) {
      members = new Set();
      this.#ofResource.set(name, members);
    }
    members.add(context);
  }

  /** Looks anew at a place whose number of uses has grown. */
  reviewIfDue(context: Context): void {
    if (context.uses < context.nextCheck) return;
    this.#ports.touched(`place|${context.key}`);
    context.nextCheck = Math.min(context.uses + 500, Math.ceil(context.uses * 1.35) + 2);
    this.#vote(context);
    const isRetyped = this.#typeResource(context.service, context.resource);
    const tallies = new Map<Context, Tally>();
    this.refresh(context, tallies);
    // Places with too few people of their own lean on the others of the resource, so they follow these.
    for (const other of this.#ofResource.get(scoped(context.service, context.resource)) ?? [])
      if (other !== context && (isRetyped || (other.rule?.principals ?? 0) < ENOUGH_PEOPLE)) this.refresh(other, tallies);
  }

  #vote(context: Context): void {
    let best = '';
    let most = 0;
    let total = 0;
    for (const [resource, weight] of context.votes) {
      total += weight;
      if (weight > most) [best, most] = [resource, weight];
    }
    if (total < 3 || most < total * 0.6 || best === context.resource) return;
    this.#ofResource.get(scoped(context.service, context.resource))?.delete(context);
    context.resource = best;
    this.#joinResource(context);
  }

  /** Looks anew at which fields of a resource name an owner; true when that changed. */
  #typeResource(service: string, resource: string): boolean {
    const name = scoped(service, resource);
    const contexts = [...(this.#ofResource.get(name) ?? [])];
    const uses = contexts.reduce((sum, one) => sum + one.uses, 0);
    if (uses < (this.#typedAt.get(name) ?? 0)) return false;
    this.#typedAt.set(name, Math.min(uses + 1000, Math.ceil(uses * 1.2) + 3));
    const fields = typeFields(contexts, this.#people, this.#objects.pathOf);
    const before = this.#known.sheet.resources.get(name);
    if (JSON.stringify(before?.fields ?? []) === JSON.stringify(fields)) return false;
    const rule: ResourceRule = { fields };
    this.#ports.change({ resource: name, rule: fields.length === 0 ? null : rule });
    this.#objects.reread(name, rule);
    return true;
  }

  /** Decides the rule of a place from its samples. `tallies`: those that were made already, for the same state of knowledge. */
  refresh(context: Context, tallies: Map<Context, Tally> = new Map()): void {
    const counted = (one: Context): Tally => {
      let tally = tallies.get(one);
      if (tally === undefined) {
        tally = tallyOf(one, this.#people, this.relate);
        tallies.set(one, tally);
      }
      return tally;
    };
    const own = counted(context);
    const tally = { ...own, share: { ...own.share }, anybody: { ...own.anybody } };
    for (const other of this.#ofResource.get(scoped(context.service, context.resource)) ?? []) {
      if (context.slot.startsWith('answer')) break;
      if (other === context || other.mutates !== context.mutates || other.slot.startsWith('answer')) continue;
      if (tally.people >= ENOUGH_PEOPLE) break;
      addTally(tally, counted(other), 0.5);
    }
    const stances = stancesOf(tally, context.people.size, context.mutates, this.#regime);
    if (stances.foreign.is === 'open' && isForStaff(context))
      stances.foreign = { is: 'deny', confidence: 0.75, proven: context.staffUses >= 12 && context.staff.size >= 3 };
    if (stances.foreign.is === 'grey' && context.mutates && this.#writesArePrivate(context.service)) stances.foreign = PRIVATE_BY_CUSTOM;
    const rule: SlotRule = {
      resource: context.resource,
      stances,
      principals: Math.round(tally.people),
      accesses: Math.round(tally.accesses),
      shapes: [...context.shapes].sort().join(''),
      wrappings: [...context.wrappings].filter(([, times]) => times >= 2).map(([wrapping]) => wrapping),
      repeats: context.uses === 0 ? 0 : Math.round((context.repeated / context.uses) * 1000) / 1000,
    };
    if (JSON.stringify(rule) === JSON.stringify(context.rule)) return;
    context.rule = rule;
    const name = scoped(context.service, context.route);
    const route: RouteRule = { slots: { ...(this.#known.sheet.routes.get(name)?.slots ?? {}), [context.slot]: rule } };
    this.#ports.change({ route: name, rule: route });
  }

  /** Where people write to what is theirs at nearly every other place of the service, they should here, too. */
  #writesArePrivate(service: string): boolean {
    let places = 0;
    let denied = 0;
    for (const { mutates, slot, rule, service: its } of this.#contexts.values()) {
      if (!mutates || its !== service || rule === null || !slot.startsWith('path') || rule.principals < ENOUGH_PEOPLE) continue;
      if (rule.stances.foreign.is === 'open') continue;
      places++;
      if (rule.stances.foreign.is === 'deny') denied++;
    }
    return denied >= 3 && denied >= places * 0.6;
  }

  /** Every owner value that an object named (value, kind, …): by its fields where they were seen, else by its table entry. */
  ownersIn(context: Context, sample: Sample): number[] {
    const out: number[] = [];
    for (const field of this.#known.resource(context.service, context.resource)?.fields ?? []) {
      if (field.role !== 'owner' || sample.fields === null) continue;
      for (let i = 0; i < sample.fields.length; i += 2) {
        if (this.#objects.pathOf(sample.fields[i]) === field.path && !out.includes(sample.fields[i + 1]))
          out.push(sample.fields[i + 1], field.kind);
      }
    }
    if (out.length === 0 && this.#known.table.get(sample.hi, sample.lo) && this.#known.table.a !== 0)
      out.push(this.#known.table.a, this.#known.table.b & 0xff);
    return out;
  }

  /** Relation of a past access, by what the object said then and by the grants known now. */
  readonly relate = (context: Context, sample: Sample, person: number, withoutGrants = false): Relation => {
    const rule = this.#known.resource(context.service, context.resource);
    const held = this.#known.relation(person, sample.hi, sample.lo, sample.value, rule, withoutGrants);
    if (held === 'own' || held === 'granted' || rule === undefined || sample.fields === null) return held;
    for (const field of rule.fields) {
      if (field.role !== 'owner') continue;
      for (let i = 0; i < sample.fields.length; i += 2) {
        if (this.#objects.pathOf(sample.fields[i]) === field.path && this.#known.holds(person, sample.fields[i + 1], field.kind))
          return 'own';
      }
    }
    return held;
  };
}

/** Only those who see everything come here: ordinary people hardly ever do. */
function isForStaff(context: Context): boolean {
  return context.staff.size >= 2 && context.staffUses >= 8 && context.people.size <= Math.max(1, context.staff.size * 0.5);
}

const contextKey = (service: string, route: string, slot: string): string => `${service}\u001f${route}\u001f${slot}`;
