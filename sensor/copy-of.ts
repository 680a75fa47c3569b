/** [start, end) in memory of its own. `slice` would not do: that of a Buffer is a view, which keeps all that was read with it and changes with the next piece. */
export function copyOf(bytes: Uint8Array, start: number, end: number = bytes.length): Buffer {
  const copy = Buffer.allocUnsafeSlow(end - start);
  copy.set(bytes.subarray(start, end));
  return copy;
}
