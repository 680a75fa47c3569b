import { once } from 'node:events';
import readline from 'node:readline';
import { dataTypes } from '../data-types/index.js';
import { Classifier } from './classifier.js';

/** Readings that a person asking "what is this?" wants to see, and a policy does not act on. */
const REPORT_FROM = 0.3;

/**
 * `weir classify`: reads lines of `{"id", "text"}` and writes `{"id", "types": […], "matches": [{type, start, end, confidence}]}`, one a line, in
 * order. Besides what occurs in a text, the text as a whole is read as one value, so an ambiguous value gets all its possible types with a
 * low confidence. A line that is not such an object is answered with `{"line", "error"}`.
 *
 * @returns the number of lines that could not be read.
 */
export async function runClassify(input: NodeJS.ReadableStream, output: NodeJS.WritableStream): Promise<number> {
  const classifier = Classifier.of(dataTypes);
  let number = 0;
  let bad = 0;
  for await (const line of readline.createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line.trim() === '') continue;
    const row = parseRow(line);
    let answer: unknown;
    if (row === null) {
      bad++;
      answer = { line: number, error: 'expected an object with a text' };
    } else {
      const found = classifier.classifyText(row.text, { asValue: true, minConfidence: REPORT_FROM });
      const matches = found.map(({ type, start, end, confidence }) => ({ type, start, end, confidence }));
      answer = { id: row.id, types: [...new Set(matches.map((match) => match.type))], matches };
    }
    if (!output.write(`${JSON.stringify(answer)}\n`)) await once(output, 'drain');
  }
  return bad;
}

function parseRow(line: string): { id: unknown; text: string } | null {
  try {
    const row: unknown = JSON.parse(line);
    if (typeof row !== 'object' || row === null || !('text' in row) || typeof row.text !== 'string') return null;
    return { id: 'id' in row ? row.id : null, text: row.text };
  } catch {
    return null;
  }
}
