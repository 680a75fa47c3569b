import type { KnownEndpoint } from './endpoints.js';
import { fieldsOf, parseBody } from './fields.js';
import type { ScanRequest } from './types.js';

/** Names in braces, first to last. */
export const parametersOf = (template: string): readonly string[] => [...template.matchAll(/\{([^}]+)\}/g)].map((match) => match[1]!);

/** What stands before a parameter. */
export const pathBefore = (template: string, parameter: string): string =>
  template.slice(0, Math.max(0, template.indexOf(`{${parameter}}`)));

/** Values of a request as it was sent, those of its path apart. */
export function askedBy(
  endpoint: KnownEndpoint,
  request: ScanRequest,
): { readonly under: readonly string[]; readonly values: readonly string[] } {
  const under = pathValuesOf({ request, endpoint }).map(({ value }) => value);
  const inBody = fieldsOf(parseBody(request.body)).map(({ value }) => String(value));
  return { under, values: [...under, ...new URL(request.url).searchParams.values(), ...inBody] };
}

/** Parameter names of the path with the values that a request has there. */
export function pathValuesOf({
  request,
  endpoint,
}: {
  readonly request: ScanRequest;
  readonly endpoint: KnownEndpoint;
}): readonly { readonly name: string; readonly value: string }[] {
  const names = parametersOf(endpoint.template);
  if (names.length === 0) return [];
  const source = endpoint.template
    .split(/\{[^}]+\}/)
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('([^/]+?)');
  const values = new RegExp(`${source}/?$`).exec(new URL(request.url).pathname)?.slice(1) ?? [];
  return names.flatMap((name, index) => (values[index] === undefined ? [] : [{ name, value: decodeURIComponent(values[index]) }]));
}
