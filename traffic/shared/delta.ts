/** One write of a shared map, as it travels and as it stands on disk. Short names: there may be a million of them. */
export interface Delta {
  readonly k: string;
  /** The value; absent for a deletion. */
  readonly v?: unknown;
  /** expiresAtMs. */
  readonly x: number | null;
  /** Version (see VersionClock). */
  readonly n: string;
  /** Deleted. */
  readonly d?: 1;
}

/** How long a deletion is remembered: a node that was away longer may bring the entry back. */
export const TOMBSTONE_MS = 7 * 24 * 3600 * 1000;
