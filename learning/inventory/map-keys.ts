import { type Shape, shapeOf } from '../templating/index.js';

/** Shapes that no property is named like. Whole numbers are: HTTP statuses, sizes; they are told by their number. */
const VALUES: ReadonlySet<Shape> = new Set<Shape>(['uuid', 'ulid', 'hex', 'email', 'date', 'datetime', 'ip', 'phone', 'long', 'binary']);

/** Is the name of a JSON member a value itself (an id, a date, an address), so that the object is a map with it as one of the keys? */
export function isValueName(name: string): boolean {
  if (name.length < 8) return false;
  const shape = shapeOf(name);
  return shape !== null && VALUES.has(shape);
}

/** A path of a body with the names that are values written `{key}`: `items.8f14e45f-….price` is `items.{key}.price`. */
export function foldPath(path: string): string {
  if (path.length < 8 || !/\d|@/.test(path)) return path;
  if (!path.includes('.')) return isValueName(path) ? '{key}' : path;
  return path
    .split('.')
    .map((part) => (isValueName(part) ? '{key}' : part))
    .join('.');
}
