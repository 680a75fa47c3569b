/** Characters from the end that tell texts apart, beside their length: of a token they are of its signature. */
const SAMPLES = 8;

/**
 * The latest of long texts that come again and again, each time as a new string: a `Map` hashes every character of each, which of a JSON Web Token takes most of a
 * microsecond; this looks at a few and compares. One entry a place; who is not found here is to be looked up in a `Map`, whose entry is put here: so it is
 * the text of that one which is kept, and not that of a request.
 */
export class LatestTexts<Entry extends { readonly text: string }> {
  readonly #entries: (Entry | null)[];

  /** `places`: a power of two. */
  constructor(private readonly places: number) {
    this.#entries = new Array<Entry | null>(places).fill(null);
  }

  get(text: string): Entry | undefined {
    const entry = this.#entries[this.#placeOf(text)];
    return entry !== null && entry.text === text ? entry : undefined;
  }

  put(entry: Entry): void {
    this.#entries[this.#placeOf(entry.text)] = entry;
  }

  clear(): void {
    this.#entries.fill(null);
  }

  #placeOf(text: string): number {
    const { length } = text;
    let print = length;
    for (let back = 1; back <= SAMPLES && back <= length; back++) print = Math.imul(print ^ text.charCodeAt(length - back), 0x01000193);
    return (print ^ (print >>> 15)) & (this.places - 1);
  }
}
