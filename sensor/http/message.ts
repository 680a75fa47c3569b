import type { Body, HeaderList } from '../../exchange/index.js';
import type { BodyBuilder } from './body-builder.js';
import type { Head } from './head.js';

/** One message, finished or as far as it was seen. */
export interface Message {
  readonly head: Omit<Head, 'version'> & { readonly version: Head['version'] | '2' };
  readonly startedMs: number;
  endedMs: number;
  /** Its bytes are borrowed: whoever takes a pair copies what it keeps. */
  body: Body;
  /** Where the bytes of the body lie; null when there are none. */
  keeps: BodyBuilder | null;
  trailers: HeaderList;
  /** False when its end was not seen: a gap, a reset, the end of the capture. */
  whole: boolean;
  done: boolean;
}

/** A request and its answer, or either alone. */
export interface Pair {
  readonly request: Message | null;
  readonly response: Message | null;
  /** Why there is no answer, or not all of it; empty when all is well. */
  readonly failure: string;
  readonly kind?: 'http' | 'websocket';
  /** Marks for the exchange: gRPC method, GraphQL operation, SOAP action. */
  readonly tags?: readonly string[];
}

/** A pair was handed over: what its bodies lay in may be used again. */
export function release({ request, response }: Pair): void {
  request?.keeps?.drop();
  response?.keeps?.drop();
}
