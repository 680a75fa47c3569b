import { WeirError } from '../exchange/index.js';

const TABLE = {
  BLOCK_INVALID: {
    status: 400,
    hint: 'Write 203.0.113.7, 203.0.113.0/24, AS64500, DE, or the key of a principal as the page of the actor shows it (p_…).',
  },
  BLOCK_TOO_WIDE: { status: 409, hint: 'That would block everybody. Repeat it with --force if it is meant.' },
  BLOCK_PROTECTED: { status: 409, hint: 'Repeat it with --force if it is meant.' },
  BLOCK_ALLOWED: { status: 409, hint: 'The allowlist always wins: remove its entry first (weir block disallow).' },
  BLOCK_EXPIRY: { status: 400, hint: 'Give a time to come, or a duration such as 4h.' },
  BLOCK_UNKNOWN: { status: 404, hint: 'List the blocks with: weir block ls' },
  GEO_DATABASE: { status: 422, hint: 'Give a MaxMind .mmdb file with countries or ASNs (for example GeoLite2).' },
  GEO_MISSING: {
    status: 422,
    hint: 'Name a MaxMind database in weir.yaml: geo: { country: /path/GeoLite2-Country.mmdb, asn: /path/GeoLite2-ASN.mmdb }.',
  },
  FEED_TOO_BIG: { status: 413, hint: "Raise the feed's maxBytes, or split the feed." },
  FEED_UNREADABLE: { status: 422, hint: 'Feeds are text with one entry a line, CSV, or JSON with a list.' },
  FEED_UNREACHABLE: { status: 502, hint: 'The last good content stays in force.' },
} as const;

/** Stable codes of this module. */
export type AttackersErrorCode = keyof typeof TABLE;

/** A WeirError from the table above; `message` names the value, feed or file. */
export function attackersError(code: AttackersErrorCode, message: string, cause?: unknown): WeirError {
  return new WeirError(code, message, { ...TABLE[code], cause });
}
