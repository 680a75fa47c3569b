import type { Json } from '../../exchange/index.js';
import type { Parameter } from '../inventory/index.js';
import { scalarSchema } from '../inventory/index.js';

/** JSON Schema of a parameter's values. */
export function parameterSchema(parameter: Parameter): { [key: string]: Json } {
  const types: string[] = [];
  const schema: { [key: string]: Json } = {};
  scalarSchema(parameter.values, types, schema);
  if (types.length === 1) schema.type = types[0];
  else if (types.length > 1) schema.type = types;
  return schema;
}
