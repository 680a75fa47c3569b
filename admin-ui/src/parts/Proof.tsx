import { Stack, Text } from '@mantine/core';
import { duration } from '../words.ts';

interface Sent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}
interface ProofBody {
  readonly explanation?: string;
  readonly reason?: string;
  readonly exchanges?: readonly {
    readonly note: string;
    readonly request: Sent & { readonly method: string; readonly url: string };
    readonly response: Sent & { readonly status: number; readonly durationMs: number };
  }[];
}

const textOfMessage = (first: string, { headers, body }: Sent) =>
  [first, ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`), '', body].join('\n');

/** Why the verdict is what it is: every request that the test sent, with its answer. `isExplained`: the page says why in words already. */
export function Proof({ body, isExplained = false }: { readonly body: unknown; readonly isExplained?: boolean }) {
  const { explanation, reason, exchanges = [] } = (body ?? {}) as ProofBody;
  return (
    <Stack gap="sm">
      {!isExplained && <Text>{explanation ?? reason ?? 'No reason is recorded.'}</Text>}
      {exchanges.map(({ note, request, response }, at) => (
        // The requests of a finished test never change their order.
        <div key={`${at} ${request.url}`}>
          <Text size="sm" fw={600} mb={4}>
            {at + 1}. {note || 'Request'}
          </Text>
          <div className="two">
            <section className="message" aria-label={`Request ${at + 1}`}>
              <header>Request</header>
              <pre tabIndex={0}>{textOfMessage(`${request.method} ${request.url}`, request)}</pre>
            </section>
            <section className="message" aria-label={`Response ${at + 1}`}>
              <header>
                <span>Response</span>
                <span className="dimmed small">{duration(response.durationMs)}</span>
              </header>
              <pre tabIndex={0}>{textOfMessage(`Status ${response.status}`, response)}</pre>
            </section>
          </div>
        </div>
      ))}
    </Stack>
  );
}
