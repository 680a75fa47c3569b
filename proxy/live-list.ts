/** A member knows where in the list it stands; -1: in none. */
export interface Listed {
  listedAt: number;
}

/** Those that are under way now, in no order. A `Set` that changes with every request keeps the dead of many requests in memory: see `LatestMap`. */
export class LiveList<Member extends Listed> {
  readonly #members: Member[] = [];

  get size(): number {
    return this.#members.length;
  }

  add(member: Member): void {
    if (member.listedAt >= 0) return;
    member.listedAt = this.#members.length;
    this.#members.push(member);
  }

  delete(member: Member): void {
    const at = member.listedAt;
    if (at < 0) return;
    member.listedAt = -1;
    const last = this.#members.pop() as Member;
    if (last === member) return;
    this.#members[at] = last;
    last.listedAt = at;
  }

  /** As they are now: whoever goes while the copy is walked is still in it. */
  all(): readonly Member[] {
    return [...this.#members];
  }
}
