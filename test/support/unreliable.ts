/** A network between the browser and weir that can be bad: API answers wait, fail, or do not come at all. Pages, sessions and the live stream pass. */
import { request as ask, createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Test } from 'tap';

type Weather = 'fair' | 'slow' | 'failing' | 'away';

export interface Unreliable {
  readonly url: string;
  /** What was held back meanwhile is answered as the new weather has it. */
  become(weather: Weather): void;
}

const isOwn = (target: string) => /^\/api\/v1\/(?!session$|live(?:\?|$))/.test(target);

/** Listens on a port of its own before `address`, for one window; it ends with the test. */
export async function startUnreliable(t: Test, address: string): Promise<Unreliable> {
  let weather: Weather = 'fair';
  const held: (() => void)[] = [];
  const pass = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { pathname, search } = new URL(incoming.url ?? '/', address);
    const onward = ask(new URL(`${pathname}${search}`, address), { method: incoming.method, headers: incoming.headers }, (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.rawHeaders);
      answer.pipe(outgoing);
    });
    onward.on('error', () => outgoing.destroy());
    outgoing.on('close', () => onward.destroy());
    incoming.pipe(onward);
  };
  const answer = (incoming: IncomingMessage, outgoing: ServerResponse): void => {
    if (weather === 'fair' || !isOwn(incoming.url ?? '/')) pass(incoming, outgoing);
    else if (weather === 'slow') held.push(() => answer(incoming, outgoing));
    else if (weather === 'failing') outgoing.writeHead(500).end('out of order');
    else incoming.socket.destroy();
  };
  const server = createServer(answer).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    become(next) {
      weather = next;
      for (const go of held.splice(0)) go();
    },
  };
}
