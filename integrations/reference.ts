/** The form of each kind, for the UI and for docs/integrations.md. */
import { z } from 'zod';
import type { KnownIntegration } from './integration.js';

interface FieldSchema {
  readonly type?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly writeOnly?: boolean;
  readonly format?: string;
}

/** JSON Schema (draft 2020-12) of the config as it is written. Secrets have `writeOnly: true`. */
export const configSchema = (integration: KnownIntegration): unknown => z.toJSONSchema(integration.config, { io: 'input' });

const fieldsOf = (integration: KnownIntegration) => {
  const { properties = {}, required = [] } = configSchema(integration) as {
    readonly properties?: Readonly<Record<string, FieldSchema>>;
    readonly required?: readonly string[];
  };
  return Object.entries(properties).map(([name, field]) => ({ name, field, isRequired: required.includes(name) }));
};

/** Names of the fields that are kept encrypted and shown as •••. */
export const secretFields = (integration: KnownIntegration): readonly string[] =>
  fieldsOf(integration).flatMap(({ name, field }) => (field.writeOnly === true ? [name] : []));

const cell = (text: string): string => text.replaceAll('|', '\\|').replaceAll('\n', ' ');

function shown(field: FieldSchema): string {
  if (field.writeOnly === true) return 'secret';
  if (field.enum !== undefined) return field.enum.map((one) => `\`${String(one)}\``).join(' ');
  if (field.format === 'uri') return 'address';
  return (
    { string: 'text', integer: 'number', boolean: '`true` `false`', array: 'list of text' }[field.type ?? ''] ?? field.type ?? 'anything'
  );
}

function defaultOf(field: FieldSchema, isRequired: boolean): string {
  if (isRequired) return 'required';
  const value = field.default;
  return value === undefined || value === '' || (Array.isArray(value) && value.length === 0) ? '' : `\`${String(value)}\``;
}

const section = (integration: KnownIntegration): string => `## ${integration.title}

\`kind: ${integration.kind}\` — ${integration.description}

| setting | value | default | |
|---|---|---|---|
${fieldsOf(integration)
  .map(
    ({ name, field, isRequired }) =>
      `| \`${name}\` | ${shown(field)} | ${defaultOf(field, isRequired)} | ${cell(field.description ?? '')} |`,
  )
  .join('\n')}
`;

/** docs/integrations.md. */
export function integrationReference(integrations: readonly KnownIntegration[]): string {
  return `# Integrations

weir tells other systems when an issue is opened or comes back, when somebody is blocked, when an actor's score rises over the threshold of blocking,
and when a capture source or an upstream fails. Set them up under **Settings → Integrations** or with \`POST /api/v1/integrations\`; **Test** sends a notice at once.
This page is made from the schemas that validate the settings.

- **Who is told what.** Each integration has a lowest severity (\`minSeverity\`, \`medium\` where none is given) and may be limited to services (\`services\`). An issue can also be
  sent to an integration by hand.
- **What is sent.** Title, explanation, endpoint, actor, counts, and redacted excerpts. Captured values are never sent.
- **Delivery.** Notices wait in the store, so they outlive a restart and a receiver that is away. A failed delivery is tried again after 5 s, 10 s, 20 s … 15 min, or
  when the receiver's \`Retry-After\` allows, for a day. A message that the receiver refuses for what it is (400, 413, 415, 422) is given up at once. Each
  integration is served by itself: a slow one holds up no other. What was sent, what waits and why is listed with each integration.
- **At least once.** A notice may come twice when its confirmation was lost; its \`id\` is the same then.
- **Secrets** are encrypted in the store and read as \`•••\` afterwards. Redirects are not followed. For a private certificate authority start weir with
  \`NODE_EXTRA_CA_CERTS\`.

${integrations.map(section).join('\n')}`;
}
