import type { ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';

/** Sockets whose writes are held back, and answers whose last bytes are, in the order in which they came. */
let held: (Writable | Answer)[] = [];

class Answer {
  constructor(
    private readonly res: ServerResponse,
    private readonly body: Uint8Array | undefined,
  ) {}

  uncork(): void {
    this.res.end(this.body);
  }
}

/**
 * Holds back what is written to a socket until all that arrived in this turn of the event loop was dealt with, and writes it then, one socket after the other.
 * Each write to a peer that sleeps has to wake it, which costs more than the write; peers that were woken by the write before are awake for the next.
 */
export function writeTogether(socket: Writable): void {
  socket.cork();
  hold(socket);
}

/** The same for the end of an answer: Node writes that at once, whatever its socket is told. */
export function endTogether(res: ServerResponse, body: Uint8Array | undefined): void {
  hold(new Answer(res, body));
}

function hold(one: Writable | Answer): void {
  if (held.length === 0) setImmediate(release);
  held.push(one);
}

function release(): void {
  const all = held;
  held = [];
  for (const one of all) one.uncork();
}
