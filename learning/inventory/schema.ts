import { FewMap, type Json } from '../../exchange/index.js';
import { isValueName } from './map-keys.js';
import { dominantFormat, enumOf, learnValue, mergeValues, newValueFacts, type Scalar, type ValueFacts } from './values.js';

/**
 * The shape of JSON values at one place, learned from examples. Bounded: depth, members of an object and nodes of the whole have limits; past them the
 * rest is counted, not kept.
 */
export interface SchemaNode {
  /** Values seen here, nulls included. */
  seen: number;
  objects: number;
  arrays: number;
  members: Map<string, SchemaNode> | null;
  items: SchemaNode | null;
  values: ValueFacts | null;
  /** Members whose names are values themselves (ids, dates, slugs), or that are too many: they are one. Others stand in `members` beside it. */
  map: SchemaNode | null;
  firstSeenMs: number;
  lastSeenMs: number;
}

/** One learned body: its root and how many nodes it has. */
export interface BodySchema {
  root: SchemaNode;
  nodes: number;
  /** Values that were not looked at because a limit was reached. */
  skipped: number;
}

const DEEPEST = 16;
const MEMBERS = 120;
const NODES = 600;
const ITEMS_LOOKED_AT = 6;
/** Members that come and go, from which their names may be values: by their spelling, or because they are all alike. */
const PASSING = 12;
const PASSING_ALIKE = 16;
const NUMBERS = 3;
/** What stands for the name of a member in a path when the name is a value. */
export const MAP_KEY = '{key}';

const newNode = (nowMs: number): SchemaNode => ({
  seen: 0,
  objects: 0,
  arrays: 0,
  members: null,
  items: null,
  values: null,
  map: null,
  firstSeenMs: nowMs,
  lastSeenMs: nowMs,
});
export const newBodySchema = (nowMs: number): BodySchema => ({ root: newNode(nowMs), nodes: 1, skipped: 0 });

/** Hears what a body brought. Paths are dotted, arrays `[*]`, names that are values `{key}`. */
export interface Hearing {
  /** A member that was not seen before. */
  fresh?(path: string): void;
  /** A plain value whose name is taken for a value, too: any client may make up as many of these as it likes. `path`: of what holds it. */
  keyed?(path: string, name: string): void;
}

/** Learns one body. */
export function learnBody(schema: BodySchema, value: Json, nowMs: number, hearing: Hearing): void {
  learn(schema, schema.root, value, nowMs, '', 0, hearing);
}

function learn(schema: BodySchema, node: SchemaNode, value: Json, nowMs: number, path: string, depth: number, hearing: Hearing): void {
  node.seen++;
  node.lastSeenMs = nowMs;
  if (typeof value !== 'object' || value === null) {
    node.values ??= newValueFacts();
    learnValue(node.values, value as Scalar);
    return;
  }
  if (depth >= DEEPEST) {
    schema.skipped++;
    return;
  }
  if (Array.isArray(value)) {
    node.arrays++;
    const items = node.items ?? grow(schema, nowMs);
    if (items === null) return;
    node.items = items;
    const looked = Math.min(value.length, ITEMS_LOOKED_AT);
    for (let index = 0; index < looked; index++) learn(schema, items, value[index], nowMs, `${path}[*]`, depth + 1, hearing);
    if (value.length > looked) schema.skipped += value.length - looked;
    return;
  }
  node.objects++;
  let left = MEMBERS * 2;
  for (const name in value) {
    if (--left < 0) {
      schema.skipped++;
      break;
    }
    const known = node.members?.get(name);
    const member = known ?? newMember(schema, node, name, nowMs);
    if (member === null) continue;
    const isKeyed = known === undefined && member === node.map;
    const inner = join(path, isKeyed ? MAP_KEY : name);
    if (isKeyed) {
      if (typeof value[name] !== 'object') hearing.keyed?.(path, name);
    } else if (known === undefined) hearing.fresh?.(inner);
    learn(schema, member, value[name], nowMs, inner, depth + 1, hearing);
  }
}

const join = (path: string, name: string): string => (path === '' ? name : `${path}.${name}`);

/** Where a member goes that has no place yet: one of its own, or that of all whose names are values; null when there is no room. */
function newMember(schema: BodySchema, node: SchemaNode, name: string, nowMs: number): SchemaNode | null {
  if (node.map === null) {
    node.members ??= new FewMap();
    if (isValueName(name)) {
      node.map = grow(schema, nowMs);
      return node.map;
    }
    const passing = /^\d+$/.test(name) ? numbers(node.members) : namesThatAreValues(node, node.members);
    if (passing === null) {
      const made = name.length > 128 ? null : grow(schema, nowMs);
      if (made !== null) node.members.set(name, made);
      return made;
    }
    collapse(schema, node, node.members, passing, nowMs);
  }
  return node.map;
}

function grow(schema: BodySchema, nowMs: number): SchemaNode | null {
  if (schema.nodes >= NODES) {
    schema.skipped++;
    return null;
  }
  schema.nodes++;
  return newNode(nowMs);
}

/** The members whose names are values, by their spelling, by how alike they are, or because there are too many; null while there are none. */
function namesThatAreValues(node: SchemaNode, members: ReadonlyMap<string, SchemaNode>): string[] | null {
  if (members.size < PASSING) return null;
  const isSteady = ({ seen }: SchemaNode): boolean => seen > 1 && seen * 5 >= node.objects;
  const passing: string[] = [];
  for (const [name, member] of members) if (!isSteady(member)) passing.push(name);
  if (passing.length >= PASSING && share(passing, (name) => /\d/.test(name) && /^[\w.:@-]+$/.test(name)) >= 0.8) return passing;
  // Properties of one object mean different things; entries of a map have the same members again and again.
  const all = [...members.keys()];
  const candidates = node.objects > 1 ? passing : all;
  if (candidates.length >= PASSING_ALIKE && areAlike(candidates.map((name) => members.get(name)!))) return candidates;
  if (members.size < MEMBERS) return null;
  return passing.length * 2 >= members.size ? passing : all;
}

/** Names that are nothing but digits, once there are several; null before. */
function numbers(members: ReadonlyMap<string, SchemaNode>): string[] | null {
  const all = [...members.keys()].filter((name) => /^\d+$/.test(name));
  return all.length >= NUMBERS ? all : null;
}

const share = <T>(list: readonly T[], is: (one: T) => boolean): number => list.filter(is).length / list.length;

/** Objects of which nearly all have the same members. */
function areAlike(nodes: readonly SchemaNode[]): boolean {
  const shapes = new Map<string, number>();
  for (const { members } of nodes) {
    if (members === null || members.size === 0) continue;
    const shape = [...members.keys()].sort().join();
    shapes.set(shape, (shapes.get(shape) ?? 0) + 1);
  }
  return Math.max(0, ...shapes.values()) >= nodes.length * 0.8;
}

function collapse(schema: BodySchema, node: SchemaNode, members: Map<string, SchemaNode>, names: readonly string[], nowMs: number): void {
  const all = newNode(nowMs);
  for (const name of names) {
    mergeNodes(all, members.get(name)!);
    members.delete(name);
  }
  if (members.size === 0) node.members = null;
  node.map = all;
  schema.nodes = sizeOf(schema.root);
}

function sizeOf(node: SchemaNode): number {
  let size = 1;
  for (const member of node.members?.values() ?? []) size += sizeOf(member);
  if (node.items !== null) size += sizeOf(node.items);
  if (node.map !== null) size += sizeOf(node.map);
  return size;
}

export function mergeBodies(to: BodySchema, from: BodySchema): void {
  mergeNodes(to.root, from.root);
  to.nodes = sizeOf(to.root);
  to.skipped += from.skipped;
}

function mergeNodes(to: SchemaNode, from: SchemaNode): void {
  to.seen += from.seen;
  to.objects += from.objects;
  to.arrays += from.arrays;
  to.firstSeenMs = Math.min(to.firstSeenMs, from.firstSeenMs);
  to.lastSeenMs = Math.max(to.lastSeenMs, from.lastSeenMs);
  if (from.values !== null) {
    to.values ??= newValueFacts();
    mergeValues(to.values, from.values);
  }
  if (from.items !== null) {
    to.items ??= newNode(from.items.firstSeenMs);
    mergeNodes(to.items, from.items);
  }
  if (from.map !== null) {
    to.map ??= newNode(from.map.firstSeenMs);
    mergeNodes(to.map, from.map);
  }
  for (const [name, member] of from.members ?? []) {
    let known = to.members?.get(name) ?? to.map;
    if (known === null) {
      to.members ??= new FewMap();
      if (to.members.size >= MEMBERS) continue;
      known = newNode(member.firstSeenMs);
      to.members.set(name, known);
    }
    mergeNodes(known, member);
  }
}

/** JSON Schema (2020-12, the dialect of OpenAPI 3.1) of what was learned. Holds no values except closed lists of words. */
export function toJsonSchema(node: SchemaNode): { [key: string]: Json } {
  const types: string[] = [];
  const schema: { [key: string]: Json } = {};
  if (node.objects > 0) {
    types.push('object');
    if (node.map !== null) schema.additionalProperties = toJsonSchema(node.map);
    if (node.members !== null) {
      const properties: { [key: string]: Json } = {};
      const required: string[] = [];
      for (const [name, member] of node.members) {
        Object.defineProperty(properties, name, { value: toJsonSchema(member), enumerable: true, configurable: true, writable: true });
        if (member.seen >= node.objects) required.push(name);
      }
      schema.properties = properties;
      if (required.length > 0) schema.required = required;
    }
  }
  if (node.arrays > 0) {
    types.push('array');
    schema.items = node.items === null ? {} : toJsonSchema(node.items);
  }
  if (node.values !== null) scalarSchema(node.values, types, schema);
  if (types.length === 1) schema.type = types[0];
  else if (types.length > 1) schema.type = types;
  return schema;
}

/** Adds the types and limits of scalars to a schema that is being written. */
export function scalarSchema(facts: ValueFacts, types: string[], schema: { [key: string]: Json }): void {
  for (const type of facts.types.keys()) if (!(type === 'integer' && facts.types.has('number'))) types.push(type);
  const format = dominantFormat(facts);
  if (format !== null) schema.format = format === 'ip' ? 'ipv4' : format;
  const values = enumOf(facts);
  if (values !== null && types.length === 1 && types[0] === 'string') schema.enum = values;
  if (facts.min !== null && facts.max !== null) {
    schema.minimum = facts.min;
    schema.maximum = facts.max;
  }
  if (facts.maxLength !== null && format === null && !('enum' in schema)) {
    schema.minLength = facts.minLength;
    schema.maxLength = facts.maxLength;
  }
}
