import { Kind, parse, print, visit } from 'graphql';
import type { Value } from '../language/types.js';
import { type Json, parseBody } from './fields.js';
import type { Scope } from './scope.js';
import type { ScanRequest } from './types.js';

/** Adds, changes or removes fields of the selections in a GraphQL body. null when the body holds no GraphQL document. */
export function changeGraphql(request: ScanRequest, operation: string, argument: Value, scope: Scope): ScanRequest | null {
  const body = parseBody(request.body);
  if (body === null || typeof body !== 'object' || Array.isArray(body) || typeof body.query !== 'string') return null;
  const changes: readonly (readonly [string, string])[] =
    argument !== null && typeof argument === 'object' && !Array.isArray(argument)
      ? Object.entries(argument).map(([key, value]) => [scope.name(key), String(scope.resolve(String(value)) ?? '')] as const)
      : scope.resolveAll(argument).map((name) => ['', String(name)] as const);
  try {
    const next = changes.reduce((text, [at, name]) => changed(text, operation, at, name), body.query);
    return next === body.query ? null : { ...request, body: JSON.stringify({ ...body, query: next } satisfies { [key: string]: Json }) };
  } catch {
    return null;
  }
}

function changed(text: string, operation: string, at: string, name: string): string {
  let done = false;
  const field = (value: string) => ({ kind: Kind.FIELD, name: { kind: Kind.NAME, value } }) as const;
  const document = visit(parse(text), {
    Field(node) {
      const deletes = operation === 'delete_graphql_field';
      if (deletes && (node.name.value === at || node.name.value === name)) return null;
      if (operation === 'modify_graphql_field' && node.name.value === at) return { ...node, name: { kind: Kind.NAME, value: name } };
      const adds = operation.startsWith('add_') && (at === '' || node.name.value === at) && node.selectionSet !== undefined;
      if (!adds || (operation === 'add_unique_graphql_field' && done)) return undefined;
      done = true;
      return { ...node, selectionSet: { ...node.selectionSet, selections: [...node.selectionSet.selections, field(name)] } };
    },
  });
  return print(document);
}
