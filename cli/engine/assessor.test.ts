import t from 'tap';
import { type Exchange, emptyBody, endpointRef, headersOf, type Observation } from '../../exchange/index.js';
import { DetectorWatch } from '../../learning/index.js';
import { compilePolicies, loadLibrary } from '../../policies/index.js';
import { Assessor } from './assessor.js';

const set = compilePolicies(loadLibrary());
const assessor = (): Assessor =>
  new Assessor({
    detectors: new DetectorWatch(),
    policies: () => set,
    actorScore: () => 0,
    tagsOf: () => [],
    violations: () => [],
    geo: null,
  });

function observation(
  atMs: number,
  given: { service?: string; target?: string; headers?: Record<string, string>; answer?: Record<string, string> },
): Observation {
  const { service = 's', target = '/o/1', headers = {}, answer = {} } = given;
  const exchange: Exchange = {
    id: `e${atMs}`,
    requestId: `r${atMs}`,
    kind: 'http',
    observer: { kind: 'gateway', id: 'g' },
    service,
    client: { ip: '192.0.2.1', port: 1 },
    server: { ip: '192.0.2.2', port: 2 },
    startedAtMs: atMs,
    durationMs: 1,
    upstreamMs: 1,
    principal: null,
    tags: [],
    outcome: { action: 'passed', mode: 'observe', phase: null, acts: [] },
    request: {
      method: 'GET',
      scheme: 'http',
      host: 'h',
      target,
      httpVersion: '1.1',
      headers: headersOf({ host: 'h', ...headers }),
      body: emptyBody,
      trailers: [],
    },
    response: { status: 200, httpVersion: '1.1', headers: headersOf(answer), body: emptyBody, trailers: [] },
  };
  return { exchange, endpoint: endpointRef(service, 'GET', '/o/{id}'), pathParameters: ['1'], dataHits: [] };
}

const POWERED = { answer: { 'x-powered-by': 'PHP/5.2.1' } };
const INJECTED = { target: "/o/1?q=1'%20UNION%20SELECT%20password%20FROM%20users--" };

t.test('what is true of every answer of a service is told once a minute, an attack each time', async (t) => {
  const rows: [string, [number, Parameters<typeof observation>[1]][], number][] = [
    [
      'one header, three answers of a minute',
      [
        [0, POWERED],
        [1_000, POWERED],
        [59_000, POWERED],
      ],
      1,
    ],
    [
      'and again a minute later',
      [
        [0, POWERED],
        [60_000, POWERED],
      ],
      2,
    ],
    [
      'another service has its own',
      [
        [0, POWERED],
        [1, { ...POWERED, service: 'other' }],
      ],
      2,
    ],
    [
      'attacks',
      [
        [0, INJECTED],
        [1, INJECTED],
        [2, INJECTED],
      ],
      3,
    ],
    ['nothing to tell', [[0, {}]], 0],
  ];
  for (const [name, exchanges, expected] of rows) {
    const one = assessor();
    const found = exchanges.flatMap(([atMs, given]) => one.assess(observation(1.7e12 + atMs, given), null, null).findings);
    t.equal(found.length, expected, `${name}: ${found.map(({ title }) => title).join(' | ')}`);
  }
});
