import { z } from 'zod';
import { SEVERITIES } from '../exchange/index.js';
import { IntegrationError } from './errors.js';
import type { Notice } from './notice.js';

const shape = z.looseObject({
  id: z.string().min(1),
  kind: z.enum(['issue', 'block', 'actor', 'source', 'test']),
  atMs: z.number(),
  severity: z.enum(SEVERITIES as [(typeof SEVERITIES)[number], ...(typeof SEVERITIES)[number][]]),
  service: z.string().nullable(),
  title: z.string(),
  text: z.string(),
  url: z.string().nullable(),
});

/**
 * A notice as the store gives it back.
 *
 * @throws IntegrationError INTEGRATION_NOTICE for something else
 */
export function readNotice(value: unknown): Notice {
  const result = shape.safeParse(value);
  if (result.success) return value as Notice;
  const { path, message } = result.error.issues[0];
  throw new IntegrationError('INTEGRATION_NOTICE', `the stored notice cannot be read: ${path.join('.')}: ${message}`);
}
