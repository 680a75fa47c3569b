import type { EndpointState } from './endpoint.js';

const WRITES = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
const SECRET = /ssn|social|card|iban|account|passport|tax|health|secret|credential|token|key|password/i;

/** How much harm a flaw here could do, 0–100, with the reasons in words. */
export function announcedRisk(state: EndpointState): { risk: number; reasons: string[] } {
  const reasons: string[] = [];
  let risk = 5;
  const add = (points: number, reason: string): void => {
    risk += points;
    reasons.push(reason);
  };
  const answered = new Set([...state.data.keys()].filter((key) => key.startsWith('response|')).map((key) => key.split('|')[3]));
  if (answered.size > 0) {
    const worst = [...answered].some((type) => SECRET.test(type));
    add(worst ? 35 : 20, `answers hold ${[...answered].slice(0, 4).join(', ')}`);
  }
  if (state.counts.anonymousOk > 0) add(answered.size > 0 ? 30 : 10, 'answers without credentials');
  if (WRITES.has(state.ref.method)) add(10, 'changes data');
  if (state.ref.template.includes('{')) add(10, 'names objects by id');
  if (/admin|internal|debug|actuator/i.test(state.ref.template)) add(15, 'administrative path');
  if (state.raised.has('shadow')) add(10, 'undocumented');
  if (state.deprecated) add(10, 'deprecated');
  return { risk: Math.min(100, risk), reasons };
}
