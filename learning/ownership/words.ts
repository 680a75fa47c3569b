/** A copy as plain numbers: of the hundreds of thousands that are kept, a typed array would take some 300 bytes each before its first word. */
export function wordsOf(words: Uint32Array, from: number, to: number): readonly number[] {
  const copy = new Array<number>(to - from);
  for (let i = from; i < to; i++) copy[i - from] = words[i];
  return copy;
}
