import { LineCounter, parseAllDocuments } from 'yaml';
import { checkDocument, dotted, offsetOf, type Place, type YamlProblemKind } from '../../exchange/index.js';
import type { PolicyCode, PolicyProblem } from '../errors.js';
import { type PolicyDocument, policy } from './schema.js';

/** Text of one policy file. `file` is what errors name; it need not exist. */
export interface PolicySource {
  readonly file: string;
  readonly text: string;
  readonly origin: 'library' | 'folder' | 'ui';
}

/** One document that follows the schema, and a way to report problems at places in it. */
export interface ParsedPolicy {
  readonly source: PolicySource;
  readonly document: PolicyDocument;
  problem(code: PolicyCode, place: Place, message: string, more?: { expected?: string; nearest?: string }): PolicyProblem;
}

export const MAX_FILE_BYTES = 1_000_000;

const CODES: Readonly<Record<YamlProblemKind, PolicyCode>> = {
  syntax: 'POLICY_YAML',
  'unknown-key': 'POLICY_UNKNOWN_KEY',
  value: 'POLICY_SCHEMA',
};

/** Parses and validates every document of a file. Problems are pushed; documents without problems are returned. */
export function parseSource(source: PolicySource, problems: PolicyProblem[]): ParsedPolicy[] {
  const lines = new LineCounter();
  const bytes = Buffer.byteLength(source.text);
  if (bytes > MAX_FILE_BYTES) {
    const message = `the file has ${(bytes / 1e6).toFixed(1)} MB`;
    problems.push({
      code: 'POLICY_FILE_TOO_BIG',
      file: source.file,
      line: 1,
      column: 1,
      path: '',
      message,
      expected: 'at most 1 MB; split it',
    });
    return [];
  }
  const documents = parseAllDocuments(source.text, { lineCounter: lines, prettyErrors: false });
  const parsed: ParsedPolicy[] = [];
  for (const document of Array.isArray(documents) ? documents : []) {
    const at = (
      offset: number,
      code: PolicyCode,
      path: string,
      message: string,
      more: { expected?: string; nearest?: string } = {},
    ): PolicyProblem => {
      const { line, col } = lines.linePos(offset);
      return { code, file: source.file, line: Math.max(1, line), column: Math.max(1, col), path, message, ...more };
    };
    const checked = checkDocument(document, policy);
    if (checked.kind === 'good') {
      const problem: ParsedPolicy['problem'] = (code, place, message, more) =>
        at(offsetOf(document, place), code, dotted(place), message, more);
      parsed.push({ source, document: checked.value, problem });
    } else if (checked.kind === 'bad')
      for (const { kind, offset, path, message, ...more } of checked.problems) problems.push(at(offset, CODES[kind], path, message, more));
  }
  return parsed;
}
