import { Readable } from 'node:stream';
import type { SourcesPort } from '../../admin/index.js';
import { type Exchange, PrincipalReader, WeirError } from '../../exchange/index.js';
import { ExchangeRows, readHar, readSource } from '../../learning/index.js';
import { readPcap } from '../../sensor/index.js';
import type { TrafficPublisher } from '../../traffic/index.js';
import type { Config } from '../config.js';
import { serviceFinder } from '../sensor/run.js';

const FULL_PAUSE_MS = 5;
const MAX_PROBLEMS = 20;

/** Takes recorded traffic into the stream: what the engine learns from is the same as from a gateway. Waits where the stream is full, so an import loses nothing. */
export function importPort(config: Config, secret: string, publisher: TrafficPublisher): SourcesPort['importTraffic'] {
  const serviceOf = serviceFinder(config);
  const send = async (exchange: Exchange): Promise<void> => {
    while (!publisher.publish(exchange)) await new Promise((resolve) => setTimeout(resolve, FULL_PAUSE_MS));
  };
  return async (service, mediaType, bytes) => {
    const problems: string[] = [];
    let refused = 0;
    let count = 0;
    const refuse = (problem: string) => {
      refused++;
      if (problems.length < MAX_PROBLEMS) problems.push(problem);
    };
    const named = (exchange: Exchange): Exchange => ({
      ...exchange,
      service: service ?? serviceOf(exchange.request.host, null, exchange.server),
    });
    if (mediaType === 'application/x-ndjson') {
      const rows = new ExchangeRows({ file: 'upload', service, nowMs: Date.now(), secret });
      for (const [index, line] of Buffer.from(bytes).toString('utf8').split('\n').entries()) {
        try {
          const exchange = rows.read(line, index + 1);
          if (exchange === null) continue;
          await send(named(exchange));
          count++;
        } catch (error) {
          if (!(error instanceof WeirError)) throw error;
          refuse(error.toString());
        }
      }
    } else if (mediaType === 'application/har+json') {
      for (const exchange of readHar(readSource(Buffer.from(bytes).toString('utf8'), 'upload'), {
        file: 'upload',
        service,
        nowMs: Date.now(),
        secret,
      })) {
        await send(named(exchange));
        count++;
      }
    } else {
      const found: Exchange[] = [];
      const summary = await readPcap(Readable.from([Buffer.from(bytes)]), (exchange) => found.push(exchange), {
        name: 'upload',
        serviceOf,
        principals: new PrincipalReader(secret),
      });
      for (const exchange of found) {
        await send(service === null ? exchange : { ...exchange, service });
        count++;
      }
      if (summary.problem !== null) refuse(summary.problem.message);
    }
    return { exchanges: count, refused, problems };
  };
}
