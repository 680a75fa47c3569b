/** Whether requests keep to the schema of their endpoint: rules go from the engine, which has the descriptions and the traffic, to every process that judges. */
import { type Body, bodyText, type HeaderList, isJsonType, type Json, mediaType, parseJson, splitTarget } from '../exchange/index.js';
import { type Inventory, type ServiceRules, schemaViolations } from '../learning/index.js';
import type { SharedMap } from '../traffic/index.js';

const PUBLISH_EVERY_MS = 10_000;
const MAX_BODY_BYTES = 262_144;
const NONE: readonly string[] = [];
/** What the policy language calls members of a body. */
const NAMES: Readonly<Record<string, string>> = { 'unknown-member': 'unknown-field', 'missing-member': 'missing-field' };

/** Shares the rules of every service that changed. Cheap when called often: looks at most once in ten seconds. */
export function rulesPublisher(inventory: Inventory, map: SharedMap<ServiceRules>): (nowMs: number) => void {
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  const told = new Map<string, string>();
  return (nowMs) => {
    if (nowMs - lookedAtMs < PUBLISH_EVERY_MS) return;
    lookedAtMs = nowMs;
    for (const rules of inventory.rules()) {
      const text = JSON.stringify(rules);
      if (told.get(rules.service) === text) continue;
      told.set(rules.service, text);
      void map.set(rules.service, rules).catch(() => told.delete(rules.service));
    }
  };
}

export interface JudgedRequest {
  readonly service: string;
  readonly method: string;
  /** Null: no template took the path. */
  readonly template: string | null;
  readonly target: string;
  readonly headers: HeaderList;
  /** Null: not captured. */
  readonly body: Body | null;
}

/**
 * Problems as policies name them: `unknown-endpoint`, `unknown-parameter:query.debug`, `wrong-type:body.items.qty`. Empty where nothing is known of the
 * service. What was learned, unlike what a description says, never makes an endpoint unknown that has a template: it may just be too new for rules.
 */
export function violationsOf(map: SharedMap<ServiceRules>, request: JudgedRequest): readonly string[] {
  const rules = map.get(request.service);
  if (rules === undefined) return NONE;
  const { method, template, headers, body } = request;
  const { query } = splitTarget(request.target);
  const found = schemaViolations(
    rules,
    { method, template, query, body: jsonOf(headers, body), hasBody: (body?.totalLength ?? 0) > 0 },
    true,
  );
  if (found.length === 0) return NONE;
  const knowsLittle = template !== null || Object.keys(rules.endpoints).length === 0;
  if (rules.origin === 'learned' && knowsLittle && found[0].code === 'unknown-endpoint') return NONE;
  return found.map(({ code, in: place, path }) =>
    code === 'unknown-endpoint' ? code : `${NAMES[code] ?? code}:${place}${path === '' ? '' : `.${path.replace(/^\./, '')}`}`,
  );
}

function jsonOf(headers: HeaderList, body: Body | null): Json | undefined {
  if (body === null || body.totalLength === 0 || body.missing.length > 0 || !isJsonType(mediaType(headers))) return undefined;
  return parseJson(bodyText(headers, body, MAX_BODY_BYTES)).value;
}
