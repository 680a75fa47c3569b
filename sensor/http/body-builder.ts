import { type Body, emptyBody, type Gap } from '../../exchange/index.js';
import type { Rooms } from './rooms.js';

/**
 * Collects a body: keeps bytes up to a cap, counts the rest, remembers holes. What it keeps is copied into a room, so no packet buffer is pinned; the body that
 * it gives is a view of that room until `drop`.
 */
export class BodyBuilder {
  readonly #cap: number;
  readonly #rooms: Rooms;
  readonly #expected: number;
  #room: Buffer | null = null;
  #kept = 0;
  #missing: Gap[] | null = null;
  /** Length so far on the wire, with holes. */
  totalLength = 0;

  /** `expected` is the announced length, or 0: what is announced is not believed, only used to avoid growing in steps. */
  constructor(cap: number, expected: number, rooms: Rooms) {
    this.#cap = cap;
    this.#expected = Math.min(expected, cap, 65_536);
    this.#rooms = rooms;
  }

  get capped(): boolean {
    return this.totalLength > this.#kept;
  }

  append(bytes: Uint8Array, start: number, end: number): void {
    const take = Math.min(end - start, this.#cap - this.#kept);
    if (take > 0) {
      // A plain view: that of a Buffer costs twice as much to make.
      this.#reserve(this.#kept + take).set(new Uint8Array(bytes.buffer, bytes.byteOffset + start, take), this.#kept);
      this.#kept += take;
    }
    if (take < end - start) this.#miss(this.totalLength + take, end - start - take);
    this.totalLength += end - start;
  }

  /** `length` bytes are lost here. */
  gap(length: number): void {
    if (length <= 0) return;
    this.#miss(this.totalLength, length);
    this.totalLength += length;
  }

  /** What was collected. Its bytes are valid until `drop`. */
  finish(): Body {
    if (this.#room === null && this.#missing === null) return emptyBody;
    const bytes = this.#room === null ? emptyBody.bytes : this.#room.subarray(0, this.#kept);
    return { bytes, totalLength: this.totalLength, missing: this.#missing ?? NOTHING_MISSING };
  }

  /** Gives the room back. */
  drop(): void {
    if (this.#room !== null) this.#rooms.giveBack(this.#room);
    this.#room = null;
  }

  #miss(offset: number, length: number): void {
    this.#missing ??= [];
    const last = this.#missing.at(-1);
    if (last !== undefined && last.offset + last.length === offset)
      this.#missing[this.#missing.length - 1] = { offset: last.offset, length: last.length + length };
    else this.#missing.push({ offset, length });
  }

  #reserve(needed: number): Buffer {
    const room = this.#room;
    if (room !== null && room.length >= needed) return room;
    const larger = this.#rooms.take(
      room === null ? Math.max(needed, this.#expected) : Math.min(Math.max(this.#cap, needed), Math.max(needed, room.length * 2)),
    );
    if (room !== null) {
      larger.set(room.subarray(0, this.#kept));
      this.#rooms.giveBack(room);
    }
    this.#room = larger;
    return larger;
  }
}

const NOTHING_MISSING: readonly Gap[] = Object.freeze([]);
