/** Templates that a person or an imported description fixed. They are walked before anything is inferred. */
export interface Pin {
  /** `/users/{id}/orders`; text in braces names a parameter, also inside a segment. */
  readonly template: string;
  /** Null pins the path for every method. */
  readonly method: string | null;
  /** Who pinned it: `openapi:shop.yaml`, `user:ada`. */
  readonly source: string;
}

export interface PinNode {
  /** Template text of this segment, with the pinned parameter names. */
  readonly segment: string;
  readonly statics: Map<string, PinNode>;
  /** By pattern with empty braces, e.g. `report-{}.pdf`. */
  readonly patterns: Map<string, PinNode>;
  parameter: PinNode | null;
  readonly methods: Set<string>;
}

const newPin = (segment: string): PinNode => ({ segment, statics: new Map(), patterns: new Map(), parameter: null, methods: new Set() });

/** The tree of all pins of a host; null when there are none. */
export function pinTree(pins: Iterable<Pin>): PinNode | null {
  const root = newPin('');
  let some = false;
  for (const pin of pins) {
    some = true;
    let node = root;
    for (const segment of pin.template.split('/').filter((one) => one !== '')) node = pinChild(node, segment);
    if (pin.method !== null) node.methods.add(pin.method);
  }
  return some ? root : null;
}

function pinChild(node: PinNode, segment: string): PinNode {
  if (/^\{[^{}]*\}$/.test(segment)) {
    node.parameter ??= newPin(segment);
    return node.parameter;
  }
  const mixed = segment.includes('{');
  const key = mixed ? segment.replace(/\{[^{}]*\}/g, '{}') : segment;
  const among = mixed ? node.patterns : node.statics;
  let child = among.get(key);
  if (child === undefined) {
    child = newPin(segment);
    among.set(key, child);
  }
  return child;
}
