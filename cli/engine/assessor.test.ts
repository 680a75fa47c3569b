import t from 'tap';
import { endpointRef, headersOf, type Observation } from '../../exchange/index.js';
import { Classifier, compilePolicies, dataTypes, loadLibrary, readExchange } from '../../policies/index.js';
import { exchangeOf } from '../../test/support/exchange.js';
import { Assessor } from './assessor.js';

const set = compilePolicies(loadLibrary());
const classifier = Classifier.of(dataTypes);
const assessor = (): Assessor =>
  new Assessor({
    policies: () => set,
    actorScore: () => 0,
    tagsOf: () => [],
    violations: () => [],
    geo: null,
  });

interface Given {
  readonly service?: string;
  readonly target?: string;
  readonly answer?: Record<string, string>;
}

function observation(atMs: number, { service = 's', target = '/o/1', answer = {} }: Given): Observation {
  return {
    exchange: exchangeOf({ service, startedAtMs: atMs, request: { target }, response: { headers: headersOf(answer) } }),
    endpoint: endpointRef(service, 'GET', '/o/{id}'),
    pathParameters: ['1'],
    dataHits: [],
  };
}

const POWERED = { answer: { 'x-powered-by': 'PHP/5.2.1' } };
const INJECTED = { target: "/o/1?q=1'%20UNION%20SELECT%20password%20FROM%20users--" };

t.test('what is true of every answer of a service is told once a minute, an attack each time', async (t) => {
  const rows: [string, [number, Given][], number][] = [
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
    const found = exchanges.flatMap(([atMs, given]) => {
      const seen = observation(1.7e12 + atMs, given);
      return one.assess(seen, null, [], readExchange(seen.exchange, classifier)).findings;
    });
    t.equal(found.length, expected, `${name}: ${found.map(({ title }) => title).join(' | ')}`);
  }
});
