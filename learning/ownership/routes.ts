import { splitOperation } from '../operations.js';
import { looksLikeValue } from './shape.js';

/** Methods that change nothing. */
export const SAFE: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * The route that a template stands for: method (HEAD as GET) and template with every parameter and every id-like literal written `{}`, and the operation
 * where one path stands for many.
 */
export function foldRoute(method: string, template: string): string {
  const verb = method.toUpperCase();
  const [bare, operation] = splitOperation(template);
  const path = bare
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .map((segment) => (segment.includes('{') || looksLikeValue(segment) ? '{}' : segment.toLowerCase()))
    .join('/');
  const route = `${verb === 'HEAD' ? 'GET' : verb} /${path}`;
  return operation === null ? route : withOperation(route, operation);
}

export const withOperation = (route: string, operation: string): string => `${route}#${operation}`;
