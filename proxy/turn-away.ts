import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Peer } from '../exchange/index.js';
import { accessLine } from './access-log.js';
import { type Page, pageFor, titleOf } from './block-page.js';
import type { ClientConnection } from './connection.js';
import type { GatewayCore } from './core.js';
import type { BlockVerdict } from './ports.js';
import type { Repeat } from './repeats.js';
import type { RequestHead } from './request-head.js';
import type { Service } from './services.js';

/** A request of a blocked client of which enough is recorded. */
export interface Repeated {
  readonly repeat: Repeat;
  readonly service: Service;
  readonly client: Peer;
  readonly connection: ClientConnection;
  readonly head: RequestHead;
  readonly target: string;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/**
 * Answers it: counted and logged, nothing more. False: it goes the ordinary way, because the block may not hold for who sends it, is not enforced, or wants
 * something else than an answer.
 */
export function turnAway(core: GatewayCore, repeated: Repeated): boolean {
  const { repeat, service, client, connection, head, target, req, res } = repeated;
  const { counters, ports } = core;
  if (service.requestMode !== 'enforce' || head.scanMark !== '' || service.config.blockPage.reset) return false;
  let verdict: BlockVerdict | null;
  let principalKey: string | null;
  try {
    principalKey = ports.principals.read(req.rawHeaders, target, connection.certificate, service.name)?.key ?? null;
    verdict = ports.blocklist.check(client.ip, principalKey, service.name);
  } catch {
    return false;
  }
  if (verdict === null || verdict.id !== repeat.blockId) return false;
  ports.blocklist.stoppedAgain?.(verdict.id);
  const page = pageOf(repeated);
  const closes = req.httpVersionMajor < 2 && (core.draining || head.chunked || head.contentLength > 0);
  res.writeHead(page.status, closes ? [...page.headers, 'connection', 'close'] : page.headers);
  res.end(req.method === 'HEAD' ? undefined : page.body);
  counters.blocklistActed++;
  counters.blocklistRepeats++;
  counters.service(service.name).answered(page.status, 0, 0, 0);
  ports.accessLog?.write(
    accessLine({
      atMs: ports.nowMs(),
      exchangeId: '',
      requestId: head.requestId,
      traceparent: head.traceparent,
      client: client.ip,
      service: service.name,
      method: req.method ?? '-',
      host: head.host,
      target,
      version: req.httpVersion,
      status: page.status,
      requestBytes: 0,
      responseBytes: 0,
      durationMs: 0,
      upstreamMs: null,
      upstream: '',
      fault: null,
      outcome: 'blocked',
      incident: repeat.incident,
      principal: principalKey,
      rules: `blocklist/${verdict.id}`,
    }),
  );
  return true;
}

/** The same bytes as long as the client asks for the same kind of answer. */
function pageOf({ repeat, req, service }: Repeated): Page {
  const accept = req.headers.accept ?? null;
  if (repeat.page !== null && repeat.accept === accept) return repeat.page;
  repeat.accept = accept;
  repeat.page = pageFor(
    { status: 403, title: titleOf(403), code: 'BLOCKED', incident: repeat.incident, requestId: '' },
    req.rawHeaders,
    service.config.blockPage,
  );
  return repeat.page;
}
