import { bodyText, findingOf, parseJson } from '../../exchange/index.js';
import { type Detector, succeeded } from './types.js';

interface State {
  writes: number;
  readonly people: Set<string>;
  readonly fields: Map<string, number>;
}

/** A write sets a field that clients never set here, and the answer shows that it was taken. */
export const massAssignment: Detector<State> = {
  id: 'mass-assignment',
  title: 'Mass assignment',
  settings: { writes: 20, people: 4, maxFields: 200 },
  keyOf: (watched) =>
    /^(?:POST|PUT|PATCH)$/.test(watched.exchange.request.method) && watched.exchange.request.body.bytes.length > 1
      ? watched.endpoint.id
      : null,
  start: () => ({ writes: 0, people: new Set(), fields: new Map() }),
  observe(state, watched, settings) {
    const { exchange, endpoint } = watched;
    if (!succeeded(watched)) return null;
    const sent = objectOf(bodyText(exchange.request.headers, exchange.request.body, 65_536));
    if (sent === null || exchange.response === null) return null;
    const unseen = Object.keys(sent).filter((name) => !state.fields.has(name));
    const mature = state.writes >= settings.writes && state.people.size >= settings.people;
    state.writes++;
    if (state.people.size < 100) state.people.add(exchange.principal?.key ?? exchange.client.ip);
    for (const name of Object.keys(sent))
      if (state.fields.size < settings.maxFields) state.fields.set(name, (state.fields.get(name) ?? 0) + 1);
    if (!mature || unseen.length === 0) return null;
    const got = objectOf(bodyText(exchange.response.headers, exchange.response.body, 65_536));
    const inner =
      got === null
        ? []
        : [
            got,
            ...Object.values(got).filter(
              (one): one is Record<string, unknown> => typeof one === 'object' && one !== null && !Array.isArray(one),
            ),
          ];
    const taken = unseen.find((name) =>
      inner.some((object) => Object.hasOwn(object, name) && JSON.stringify(object[name]) === JSON.stringify(sent[name])),
    );
    if (taken === undefined) return null;
    return findingOf({
      kind: 'bopla.mass-assignment',
      source: { kind: 'detector', id: 'mass-assignment' },
      exchange,
      endpoint,
      subject: taken,
      confidence: 0.75,
      explanation: `set the field ${taken}, which none of ${state.writes - 1} earlier writes by ${state.people.size} callers set, and the answer shows the value`,
      evidence: [{ location: { phase: 'request', in: 'body', path: taken }, excerpt: taken }],
    });
  },
};

function objectOf(text: string): Record<string, unknown> | null {
  if (!text.startsWith('{')) return null;
  const { value } = parseJson(text, { maxDepth: 16, maxBytes: 65_536 });
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
}
