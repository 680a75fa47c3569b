import type { Json } from '../../exchange/index.js';
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
  /** Set when the member names are values themselves (ids, dates) or too many: all members are one. */
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

/** Reports what is new: dotted path of a member, type or format, never a value. */
export type OnNew = (path: string) => void;

/** Learns one body. */
export function learnBody(schema: BodySchema, value: Json, nowMs: number, onNew: OnNew | null): void {
  learn(schema, schema.root, value, nowMs, '', 0, onNew);
}

function learn(schema: BodySchema, node: SchemaNode, value: Json, nowMs: number, path: string, depth: number, onNew: OnNew | null): void {
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
    for (let index = 0; index < looked; index++) learn(schema, items, value[index], nowMs, `${path}[*]`, depth + 1, onNew);
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
    if (node.map !== null) {
      learn(schema, node.map, value[name], nowMs, `${path}.*`, depth + 1, onNew);
      continue;
    }
    node.members ??= new Map();
    let member = node.members.get(name);
    const inner = path === '' ? name : `${path}.${name}`;
    if (member === undefined) {
      if (node.members.size >= MEMBERS || (node.members.size >= 12 && namesAreValues(node.members))) {
        collapse(schema, node, nowMs);
        learn(schema, node.map!, value[name], nowMs, `${path}.*`, depth + 1, onNew);
        continue;
      }
      const made = name.length > 128 ? null : grow(schema, nowMs);
      if (made === null) continue;
      member = made;
      node.members.set(name, member);
      onNew?.(inner);
    }
    learn(schema, member, value[name], nowMs, inner, depth + 1, onNew);
  }
}

function grow(schema: BodySchema, nowMs: number): SchemaNode | null {
  if (schema.nodes >= NODES) {
    schema.skipped++;
    return null;
  }
  schema.nodes++;
  return newNode(nowMs);
}

/** Member names such as ids and dates: most hold a digit and appear in few of the objects. */
function namesAreValues(members: ReadonlyMap<string, SchemaNode>): boolean {
  let digits = 0;
  for (const name of members.keys()) if (/\d/.test(name) && /^[\w.:@-]+$/.test(name)) digits++;
  return digits >= members.size * 0.8;
}

function collapse(schema: BodySchema, node: SchemaNode, nowMs: number): void {
  const all = newNode(nowMs);
  for (const member of node.members!.values()) mergeNodes(all, member);
  node.members = null;
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
    if (to.map !== null) mergeNodes(to.map, member);
    else {
      to.members ??= new Map();
      let known = to.members.get(name);
      if (known === undefined) {
        if (to.members.size >= MEMBERS) continue;
        known = newNode(member.firstSeenMs);
        to.members.set(name, known);
      }
      mergeNodes(known, member);
    }
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
