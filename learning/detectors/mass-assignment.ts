import { bodyText, findingOf, parseJson } from '../../exchange/index.js';
import { addDistinct, countDistinct, type Distinct, newDistinct } from '../inventory/sketch.js';
import { type Detector, growth, NOTHING_SHARED, succeeded } from './types.js';

interface State {
  writes: number;
  readonly people: Distinct;
  readonly fields: Set<string>;
}

/** A write sets a field that clients never set here, and the answer shows that it was taken. */
export const massAssignment: Detector<State> = {
  id: 'mass-assignment',
  title: 'Mass assignment',
  settings: { writes: 20, people: 4, maxFields: 200 },
  of: 'endpoint',
  concerns: (watched) => {
    const { method, body } = watched.exchange.request;
    return (method === 'POST' || method === 'PUT' || method === 'PATCH') && body.bytes.length > 1 && succeeded(watched);
  },
  start: () => ({ writes: 0, people: newDistinct(), fields: new Set() }),
  keepAt: (state) => state.fields.size * 1000 + growth(state.writes),
  common: NOTHING_SHARED,
  observe(state, { exchange, endpoint, actor }, settings) {
    const sent = objectOf(bodyText(exchange.request.headers, exchange.request.body, 65_536));
    if (sent === null || exchange.response === null) return null;
    const unseen = Object.keys(sent).filter((name) => !state.fields.has(name));
    const people = state.writes >= settings.writes && unseen.length > 0 ? countDistinct(state.people) : 0;
    state.writes++;
    addDistinct(state.people, actor);
    for (const name of unseen) if (state.fields.size < settings.maxFields) state.fields.add(name);
    if (people === 0 || people < settings.people) return null;
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
      explanation: `set the field ${taken}, which none of ${state.writes - 1} earlier writes by ${people} callers set, and the answer shows the value`,
      evidence: [{ location: { phase: 'request', in: 'body', path: taken }, excerpt: taken }],
    });
  },
};

function objectOf(text: string): Record<string, unknown> | null {
  if (!text.startsWith('{')) return null;
  const { value } = parseJson(text, { maxDepth: 16, maxBytes: 65_536 });
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
}
