/** One part of a multipart body (RFC 7578). Text is latin1 where it is not valid UTF-8. */
export interface Part {
  readonly name: string;
  /** null for a part without a file name. */
  readonly filename: string | null;
  readonly contentType: string;
  readonly text: string;
}

export interface MultipartResult {
  readonly parts: readonly Part[];
  /** `invalid`: no boundary, no final boundary, or a part without headers. `too-big`: more parts than the limit. */
  readonly problem: null | 'invalid' | 'too-big';
}

const MAX_PARTS = 1000;
const MAX_HEADER_CHARS = 8192;

/** Boundary parameter of a Content-Type; null when there is none of legal form (RFC 2046 §5.1.1). */
export function boundaryOf(contentType: string): string | null {
  const found = /;\s*boundary=(?:"([^"]{1,200})"|([^\s;"]{1,200}))/i.exec(contentType);
  return found === null ? null : (found[1] ?? found[2]);
}

/** Splits a multipart body. Linear, bounded in parts, never throws; what could be split before a problem is kept. */
export function parseMultipart(text: string, boundary: string): MultipartResult {
  const parts: Part[] = [];
  const delimiter = `--${boundary}`;
  let at = text.startsWith(delimiter) ? 0 : text.indexOf(`\n${delimiter}`) + 1;
  if (at === 0 && !text.startsWith(delimiter)) return { parts, problem: 'invalid' };
  for (;;) {
    at += delimiter.length;
    if (text.startsWith('--', at)) return { parts, problem: null };
    const lineEnd = text.indexOf('\n', at);
    if (lineEnd < 0) return { parts, problem: 'invalid' };
    if (parts.length >= MAX_PARTS) return { parts, problem: 'too-big' };
    const next = text.indexOf(`\n${delimiter}`, lineEnd);
    const end = next < 0 ? text.length : text.charCodeAt(next - 1) === 13 ? next - 1 : next;
    parts.push(partOf(text.slice(lineEnd + 1, Math.max(lineEnd + 1, end))));
    if (next < 0) return { parts, problem: 'invalid' };
    at = next + 1;
  }
}

function partOf(raw: string): Part {
  const gap = /\r?\n\r?\n/.exec(raw.slice(0, MAX_HEADER_CHARS));
  const startsEmpty = /^\r?\n/.exec(raw);
  const head = startsEmpty !== null ? '' : gap === null ? raw : raw.slice(0, gap.index);
  const text = startsEmpty !== null ? raw.slice(startsEmpty[0].length) : gap === null ? '' : raw.slice(gap.index + gap[0].length);
  const disposition = /^content-disposition:(.*)$/im.exec(head)?.[1] ?? '';
  const contentType = /^content-type:\s*([^;\r\n]*)/im.exec(head)?.[1].trim().toLowerCase() ?? '';
  return { name: parameter(disposition, 'name') ?? '', filename: fileName(disposition), contentType, text };
}

function parameter(disposition: string, name: string): string | null {
  const found = new RegExp(`[;\\s]${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^;\\s]*))`, 'i').exec(disposition);
  return found === null ? null : (found[1]?.replace(/\\(.)/g, '$1') ?? found[2]);
}

function fileName(disposition: string): string | null {
  const extended = /[;\s]filename\*=[\w-]*'[^']*'([^;\s]*)/i.exec(disposition)?.[1];
  if (extended === undefined) return parameter(disposition, 'filename');
  try {
    return decodeURIComponent(extended);
  } catch {
    return extended;
  }
}
