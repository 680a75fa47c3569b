import { type Exchange, emptyBody, type RequestMessage, type ResponseMessage } from '../../exchange/index.js';

/** What a test wants to be different; parts of messages are enough. `response: null`: nobody answered. */
export interface ExchangeSketch extends Partial<Omit<Exchange, 'request' | 'response'>> {
  readonly request?: Partial<RequestMessage>;
  readonly response?: Partial<ResponseMessage> | null;
}

/** A GET of `/` by nobody in particular, answered with 200 and nothing, seen by a gateway that let it pass. */
export function exchangeOf({ request, response, ...rest }: ExchangeSketch = {}): Exchange {
  const message = { httpVersion: '1.1', headers: [], body: emptyBody, trailers: [] } as const;
  return {
    id: 'x1',
    requestId: 'r1',
    kind: 'http',
    observer: { kind: 'gateway', id: 'g' },
    service: 'shop',
    client: { ip: '192.0.2.7', port: 4000 },
    server: { ip: '192.0.2.1', port: 80 },
    startedAtMs: 1_700_000_000_000,
    durationMs: 3,
    upstreamMs: 2,
    principal: null,
    outcome: { action: 'passed', mode: 'observe', phase: null, acts: [] },
    tags: [],
    ...rest,
    request: { ...message, method: 'GET', scheme: 'http', host: 'shop.test', target: '/', ...request },
    response: response === null ? null : { ...message, status: 200, ...response },
  };
}
