/**
 * Finds which groups of words occur in a text, in one pass over it (Aho-Corasick). Case is ignored for ASCII.
 */
export class WordScan {
  private readonly classes = new Uint8Array(128);
  private readonly next: Int32Array;
  private readonly groups: Int32Array;
  private readonly width: number;

  /** `words`: by bit of the answer, the words of each group. */
  constructor(words: ReadonlyMap<number, readonly string[]>) {
    const all = [...words].flatMap(([bit, list]) => list.map((word) => ({ bit, word: word.toLowerCase() })));
    let width = 1;
    for (const { word } of all)
      for (const char of word) {
        const code = char.charCodeAt(0);
        if (this.classes[code] !== 0) continue;
        this.classes[code] = width;
        const upper = char.toUpperCase().charCodeAt(0);
        this.classes[upper] = width++;
      }
    this.width = width;
    const states = 1 + all.reduce((sum, { word }) => sum + word.length, 0);
    this.next = new Int32Array(states * width);
    this.groups = new Int32Array(states);
    this.build(all);
  }

  private build(all: readonly { readonly bit: number; readonly word: string }[]): void {
    const { next, groups, width, classes } = this;
    let used = 1;
    for (const { bit, word } of all) {
      let state = 0;
      for (const char of word) {
        const edge = state * width + classes[char.charCodeAt(0)];
        if (next[edge] === 0) next[edge] = used++;
        state = next[edge];
      }
      groups[state] |= bit;
    }
    const fail = new Int32Array(used);
    const queue: number[] = [];
    for (let letter = 1; letter < width; letter++) if (next[letter] !== 0) queue.push(next[letter]);
    for (let head = 0; head < queue.length; head++) {
      const state = queue[head];
      groups[state] |= groups[fail[state]];
      for (let letter = 1; letter < width; letter++) {
        const child = next[state * width + letter];
        const behind = next[fail[state] * width + letter];
        if (child === 0) next[state * width + letter] = behind;
        else {
          fail[child] = behind;
          queue.push(child);
        }
      }
    }
  }

  /** Bits of the groups of which some word occurs. */
  find(text: string): number {
    const { next, groups, width, classes } = this;
    let state = 0;
    let found = 0;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      state = code < 128 ? next[state * width + classes[code]] : 0;
      found |= groups[state];
    }
    return found;
  }
}
