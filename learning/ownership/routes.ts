import { looksLikeValue } from './shape.js';

/** The route that a template stands for: method (HEAD as GET) and template with every parameter and every id-like literal written `{}`. */
export function foldRoute(method: string, template: string): string {
  const verb = method.toUpperCase();
  const path = template
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .map((segment) => (segment.includes('{') || looksLikeValue(segment) ? '{}' : segment.toLowerCase()))
    .join('/');
  return `${verb === 'HEAD' ? 'GET' : verb} /${path}`;
}
