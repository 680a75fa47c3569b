import type { Json } from '../../exchange/index.js';

const BY_FORMAT: Readonly<Record<string, string>> = {
  uuid: '00000000-0000-4000-8000-000000000000',
  date: '2000-01-01',
  'date-time': '2000-01-01T00:00:00Z',
  email: 'user@example.com',
  uri: 'https://example.com/',
  ipv4: '192.0.2.1',
  ulid: '00000000000000000000000000',
  hex: '0000000000000000',
  token: 'token',
  phone: '+10000000000',
};

/** A value that fits a schema. It is made, not remembered: nothing of anybody's traffic is in it. */
export function exampleOf(schema: { readonly [key: string]: Json }, depth = 0): Json {
  if (Array.isArray(schema.enum) && schema.enum.length > 0) return schema.enum[0];
  const type = Array.isArray(schema.type) ? (schema.type.find((one) => one !== 'null') ?? 'null') : schema.type;
  if (type === 'object') {
    if (depth > 8) return {};
    const properties = schema.properties;
    if (typeof properties !== 'object' || properties === null || Array.isArray(properties)) return {};
    const made: [string, Json][] = Object.entries(properties).map(([name, inner]) => [
      name,
      typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? exampleOf(inner, depth + 1) : null,
    ]);
    return Object.fromEntries(made);
  }
  if (type === 'array') {
    const { items } = schema;
    return typeof items === 'object' && items !== null && !Array.isArray(items) && Object.keys(items).length > 0 && depth <= 8
      ? [exampleOf(items, depth + 1)]
      : [];
  }
  if (type === 'integer' || type === 'number')
    return typeof schema.minimum === 'number' ? Math.max(schema.minimum, Math.min(1, Number(schema.maximum))) : 1;
  if (type === 'boolean') return true;
  if (type === 'string') {
    const known = typeof schema.format === 'string' ? BY_FORMAT[schema.format] : undefined;
    const length = typeof schema.minLength === 'number' ? Math.min(schema.minLength, 20) : 6;
    return known ?? 'x'.repeat(length);
  }
  return null;
}
