import { bodyOf, type Exchange, emptyBody, type HeaderList, headersOf, newId, PrincipalReader } from '../../exchange/index.js';
import { importError } from './errors.js';
import { isObject, type Plain, type PlainObject, type Source, textOr } from './source.js';

/** Turns rows and recordings into exchanges. `service` null: the host is the service. */
export interface ImportSettings {
  readonly file: string;
  readonly service?: string | null;
  /** Time of the first row that has none; the following ones are a millisecond apart. */
  readonly nowMs: number;
  /** Keys the hashes of principals. */
  readonly secret?: string;
}

const GOOD_METHOD = /^[A-Za-z][A-Za-z0-9_-]{0,31}$/;

/**
 * One NDJSON row: `{method, host, path, status?, requestHeaders?, requestBody?, responseHeaders?, responseBody?, responseKeys?, client?, atMs?, durationMs?}`. Headers
 * are an object or a list of pairs; bodies are text or JSON. `responseKeys` stands for a JSON object with those members when there is no `responseBody`.
 *
 * Throws IMPORT_BAD_ROW with file and line.
 */
export class ExchangeRows {
  private readonly principals: PrincipalReader;
  private rows = 0;

  constructor(private readonly settings: ImportSettings) {
    this.principals = new PrincipalReader(settings.secret ?? 'import');
  }

  /** `line` counts from 1. Null for an empty line. */
  read(text: string, line: number): Exchange | null {
    if (text.trim() === '') return null;
    const fail = (message: string, column = 1): never => {
      throw importError('IMPORT_BAD_ROW', message, { file: this.settings.file, line, column });
    };
    let row: Plain;
    try {
      row = JSON.parse(text) as Plain;
    } catch (cause) {
      const column = /position (\d+)/.exec(cause instanceof Error ? cause.message : '')?.[1];
      return fail('the line is not JSON', column === undefined ? 1 : Number(column) + 1);
    }
    if (!isObject(row)) return fail('the line is not a JSON object');
    if (typeof row.method !== 'string' || !GOOD_METHOD.test(row.method)) return fail('"method" must be a name such as GET');
    if (typeof row.host !== 'string' || row.host === '' || row.host.length > 255) return fail('"host" must be a name');
    if (typeof row.path !== 'string' || !row.path.startsWith('/')) return fail('"path" must begin with /');
    if (
      row.status !== undefined &&
      (typeof row.status !== 'number' || !Number.isInteger(row.status) || row.status < 100 || row.status > 599)
    )
      return fail('"status" must be a number from 100 to 599');
    return this.make(row, row.method.toUpperCase(), row.host.toLowerCase(), row.path, typeof row.status === 'number' ? row.status : 200);
  }

  make(row: PlainObject, method: string, host: string, target: string, status: number): Exchange {
    const startedAtMs = typeof row.atMs === 'number' ? row.atMs : this.settings.nowMs + this.rows;
    this.rows++;
    const requestBody = bodyBytes(row.requestBody);
    const responseBody =
      row.responseBody === undefined && Array.isArray(row.responseKeys) ? keysBody(row.responseKeys) : bodyBytes(row.responseBody);
    const requestHeaders = typed(headerList(row.requestHeaders), row.requestBody);
    const responseHeaders = typed(headerList(row.responseHeaders), row.responseBody ?? (row.responseKeys === undefined ? undefined : {}));
    const id = newId(startedAtMs);
    return {
      id,
      requestId: id,
      kind: status === 101 ? 'websocket' : 'http',
      observer: { kind: 'import', id: this.settings.file },
      service: this.settings.service ?? host,
      client: { ip: textOr(row.client, '0.0.0.0'), port: 0 },
      server: { ip: '0.0.0.0', port: 0 },
      startedAtMs,
      durationMs: typeof row.durationMs === 'number' ? row.durationMs : 0,
      upstreamMs: null,
      request: {
        method,
        scheme: 'http',
        host,
        target,
        httpVersion: '1.1',
        headers: requestHeaders,
        body: requestBody === null ? emptyBody : bodyOf(requestBody),
        trailers: [],
      },
      response: {
        status,
        httpVersion: '1.1',
        headers: responseHeaders,
        body: responseBody === null ? emptyBody : bodyOf(responseBody),
        trailers: [],
      },
      principal: this.principals.read(requestHeaders, target),
      outcome: { action: 'passed', mode: 'mirror', phase: null, acts: [] },
      tags: [],
    };
  }
}

/** The recorded exchanges of a HAR 1.x file, in order. Throws IMPORT_INVALID_DOCUMENT with the place of an entry that cannot be read. */
export function readHar(source: Source, settings: ImportSettings): Exchange[] {
  const rows = new ExchangeRows(settings);
  const log = isObject(source.value) ? source.value.log : null;
  const entries = isObject(log) ? log.entries : null;
  if (!Array.isArray(entries)) throw importError('IMPORT_INVALID_DOCUMENT', 'log.entries must be a list', source.placeOf(['log']));
  return entries.map((entry, index) => {
    const at = ['log', 'entries', index];
    const fail = (message: string): never => {
      throw importError('IMPORT_INVALID_DOCUMENT', `${at.join('.')}: ${message}`, source.placeOf(at));
    };
    if (!isObject(entry) || !isObject(entry.request) || !isObject(entry.response)) return fail('request and response are needed');
    const { request, response } = entry;
    let url: URL;
    try {
      url = new URL(textOr(request.url, ''));
    } catch {
      return fail(`"${textOr(request.url, '')}" is not a URL`);
    }
    const status = typeof response.status === 'number' ? response.status : 0;
    const content = isObject(response.content) ? response.content : {};
    const posted = isObject(request.postData) ? request.postData : {};
    const text =
      content.encoding === 'base64' && typeof content.text === 'string'
        ? Buffer.from(content.text, 'base64').toString('utf8')
        : content.text;
    const row: PlainObject = {
      requestHeaders: pairs(request.headers),
      responseHeaders: pairs(response.headers),
      ...(typeof posted.text === 'string' ? { requestBody: posted.text } : {}),
      ...(typeof text === 'string' ? { responseBody: text } : {}),
      ...(typeof entry.startedDateTime === 'string' && !Number.isNaN(Date.parse(entry.startedDateTime))
        ? { atMs: Date.parse(entry.startedDateTime) }
        : {}),
      ...(typeof entry.time === 'number' ? { durationMs: entry.time } : {}),
    };
    return rows.make(row, textOr(request.method, 'GET').toUpperCase(), url.host.toLowerCase(), url.pathname + url.search, status);
  });
}

function pairs(list: Plain | undefined): Plain {
  // Content is stored decoded, so its coding must not be undone again.
  if (!Array.isArray(list)) return [];
  return list.flatMap((one): Plain[] =>
    isObject(one) && typeof one.name === 'string' && one.name.toLowerCase() !== 'content-encoding'
      ? [[one.name, textOr(one.value, '')]]
      : [],
  );
}

function headerList(value: Plain | undefined): HeaderList {
  if (Array.isArray(value))
    return value.flatMap((pair) =>
      Array.isArray(pair) && pair.length === 2 ? [String(pair[0]), String(pair[1])] : typeof pair === 'string' ? [pair] : [],
    );
  if (!isObject(value)) return [];
  return headersOf(
    Object.fromEntries(Object.entries(value).map(([name, one]) => [name, Array.isArray(one) ? one.map(String) : String(one)])),
  );
}

function typed(list: HeaderList, body: Plain | undefined): HeaderList {
  const known = list.some((text, index) => index % 2 === 0 && text.toLowerCase() === 'content-type');
  return known || body === undefined || body === null || typeof body === 'string' ? list : [...list, 'content-type', 'application/json'];
}

function bodyBytes(value: Plain | undefined): Uint8Array | null {
  if (value === undefined || value === null || value === '') return null;
  return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
}

const keysBody = (keys: readonly Plain[]): Uint8Array =>
  Buffer.from(JSON.stringify(Object.fromEntries(keys.map((key) => [String(key), null]))));
