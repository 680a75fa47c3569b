import { bodyOf, type Exchange, endpointRef, type Finding, findingOf, newId } from '../exchange/index.js';
import type { TestResult } from './run/runner.js';

/** What a proven verdict becomes. The issue is one for each test and endpoint, whatever the run. */
export function findingOfResult(result: TestResult, runId: string, nowMs: number): Finding {
  const { test, sample, exchanges } = result;
  const last = exchanges.at(-1) ?? { ...sample, note: '' };
  const { protocol, host, pathname, search } = new URL(last.request.url);
  const id = newId(nowMs);
  const exchange: Exchange = {
    id,
    requestId: id,
    kind: 'http',
    observer: { kind: 'scan', id: runId },
    service: sample.service,
    client: { ip: '127.0.0.1', port: 0 },
    server: { ip: '127.0.0.1', port: 0 },
    startedAtMs: nowMs,
    durationMs: last.response.durationMs,
    upstreamMs: last.response.durationMs,
    request: {
      method: last.request.method,
      scheme: protocol === 'https:' ? 'https' : 'http',
      host,
      target: `${pathname}${search}`,
      httpVersion: '1.1',
      headers: [],
      body: bodyOf(new Uint8Array(0)),
      trailers: [],
    },
    response: { status: last.response.status, httpVersion: '1.1', headers: [], body: bodyOf(new Uint8Array(0)), trailers: [] },
    principal: null,
    outcome: { action: 'passed', mode: 'observe', phase: null, acts: [] },
    tags: ['scan'],
  };
  const finding = findingOf({
    kind: 'scan.vulnerability',
    source: { kind: 'scan', id: test.id },
    exchange,
    endpoint: { ...endpointRef(sample.service, sample.request.method, sample.template), id: sample.endpointId },
    explanation: result.explanation,
    confidence: 0.95,
    severity: result.severity,
    title: test.name,
    remediation: test.remediation,
    owasp: test.owasp,
    cwe: test.cwe[0] ?? '',
    perService: test.runOnce,
  });
  // The scan itself is no attacker, and its exchanges are kept with the result.
  return { ...finding, actor: null, exchangeIds: [], requestIds: [] };
}
