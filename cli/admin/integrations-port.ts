import type { IntegrationsPort } from '../../admin/index.js';
import { configSchema, integrationNamed, integrations, secretFields, systemIo, testNotice } from '../../integrations/index.js';

/** Shorter than a delivery's: a person waits for the answer. */
const TEST_TIMEOUT_MS = 8_000;

/** The kinds of integrations as the settings page asks for them. `publicUrl` is the admin UI's own address, where it is configured. */
export function integrationsPort(publicUrl: string | null): IntegrationsPort {
  const kinds = integrations.map((one) => ({
    kind: one.kind,
    title: one.title,
    description: one.description,
    schema: configSchema(one),
  }));
  const io = systemIo({ timeoutMs: TEST_TIMEOUT_MS });
  return {
    kinds: () => kinds,
    secrets: (kind) => secretFields(integrationNamed(kind)),
    validate: (kind, config) => integrationNamed(kind).check(config),
    async test(kind, config) {
      const receiver = integrationNamed(kind).open(config, io);
      try {
        return { ok: true, text: await receiver.deliver(testNotice({ publicUrl, nowMs: Date.now() })) };
      } catch (error) {
        return { ok: false, text: error instanceof Error ? error.message : String(error) };
      }
    },
  };
}
