import { WeirError } from '../exchange/index.js';

const TABLE = {
  TRAFFIC_REDIS_AWAY: { status: 503, hint: 'Check that Redis runs and that --redis names it; weir reconnects by itself.' },
  TRAFFIC_REDIS_TIMEOUT: { status: 503, hint: 'Redis accepted the connection but did not answer in time; weir reconnects by itself.' },
  TRAFFIC_REDIS_URL: { status: 422, hint: 'Write redis://[user:password@]host[:port][/db], or rediss:// for TLS.' },
  TRAFFIC_ONE_GROUP: { status: 500, hint: 'The in-memory stream has one consumer group; start weir with --redis for several.' },
  TRAFFIC_CLOSED: { status: 503, hint: 'Open it again: it was closed.' },
  TRAFFIC_STATE_DISK: { status: 507, hint: 'Free space in, or give write access to, the data directory.' },
  TRAFFIC_STATE_KEY: { status: 400, hint: 'Keys are 1–1024 characters; map names are lower case letters, digits and dashes.' },
} as const;

/** Stable codes of this module. */
export type TrafficErrorCode = keyof typeof TABLE;

/** A WeirError from the table above; `message` names the stream, map or address. */
export function trafficError(code: TrafficErrorCode, message: string, cause?: unknown): WeirError {
  return new WeirError(code, message, { ...TABLE[code], cause });
}
