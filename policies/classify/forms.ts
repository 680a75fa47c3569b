/** Forms of whole runs of bytes that the scan asks for. */
import { ALPHABETS, CLASS, DIGIT, OUTLINE, START, step } from './bytes.js';

/** `2026-03-04T05:06`: zero for a digit. */
const DATE_TIME = new Uint8Array(16);
for (const [at, byte] of [
  [4, 0x2d],
  [7, 0x2d],
  [10, 0x54],
  [13, 0x3a],
])
  DATE_TIME[at] = byte; // prettier-ignore

export function outlineOf(bytes: Uint8Array, start: number, end: number): number {
  let hash = START;
  for (let at = start; at < end; at++) hash = step(hash, OUTLINE[bytes[at]]);
  return hash;
}

const isDigit = (byte: number): boolean => (CLASS[byte] & DIGIT) !== 0;

/** The whole region is a point in time (RFC 3339: `2026-03-04T05:06:07.123Z`), in which nothing is found by its form alone. */
export function isDateTime(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 16 || bytes[start + 10] !== 0x54) return false;
  for (let i = 0; i < 16; i++) {
    const wanted = DATE_TIME[i];
    if (wanted === 0 ? !isDigit(bytes[start + i]) : bytes[start + i] !== wanted) return false;
  }
  let at = start + 16;
  if (bytes[at] === 0x3a && isDigit(bytes[at + 1]) && isDigit(bytes[at + 2])) at += 3;
  if (bytes[at] === 0x2e)
    do at++;
    while (at < end && isDigit(bytes[at]));
  if (at < end && bytes[at] === 0x5a) at++;
  else if (at < end && (bytes[at] === 0x2b || bytes[at] === 0x2d)) {
    at += 3;
    if (bytes[at] === 0x3a) at++;
    at += 2;
  }
  return at === end;
}

export function isHexRun(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (ALPHABETS.hex[bytes[i]] === 0) return false;
  return true;
}

/** Values that stand where a value was, or will be: masks, templates, nothing. */
export function isPlaceholder(text: string): boolean {
  return /^(?:null|undefined|none|nil|true|false|n\/?a|unknown|redacted|hidden|masked|removed|secret|changeme|example|string|test|todo)$|\*{3}|•{2}|^\W*redacted|^[xX*#.\-\s]+$|^[$<{%[(].*[>})%\]]$|^\$/i.test(
    text,
  );
}
