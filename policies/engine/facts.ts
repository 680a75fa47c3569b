import {
  cookies,
  decodeSegment,
  type HeaderList,
  header,
  headerAll,
  LatestMap,
  LatestTexts,
  type Location,
  type Phase,
  pathReadings,
  pathSegments,
  queryPairs,
  readJwt,
  splitTarget,
  TemplateMatcher,
  templateParameters,
} from '../../exchange/index.js';
import type { AttackFinding } from '../attack-port.js';
import { Content, type ContentLimits, type Parsed } from '../body/content.js';
import { type GraphqlFacts, readGraphql } from '../body/graphql.js';
import { inUnits } from '../classify/index.js';
import type { DataMatch } from '../data-port.js';
import type { EvaluationContext, RequestView, ResponseView } from '../types.js';
import { classifiedUtf8 } from './classified.js';
import { HAS_BODY, HAS_QUERY, HAS_TOKEN } from './presence.js';
import type { ExchangeReading, MessageReading } from './reading.js';
import type { Tools } from './scope.js';

export type DataArea = 'body' | 'headers' | 'cookies' | 'query' | 'path';

/** A data match and where it stood. */
export interface PlacedMatch {
  readonly match: DataMatch;
  readonly in: Location['in'];
  readonly path: string;
  readonly value: string;
  /** More than one only for what a recording remembers. */
  readonly count: number;
}

export interface Token {
  readonly text: string;
  readonly jwt: ReturnType<typeof readJwt>;
}

const EMPTY: readonly never[] = [];
const PLACES: Readonly<Record<DataArea, Location['in']>> = {
  body: 'body',
  headers: 'header',
  cookies: 'cookie',
  query: 'query',
  path: 'path',
};

/** What a request says, each part decoded once however many rules ask. Shared by both phases of an exchange. */
export class RequestFacts {
  readonly content: Content;
  /** Bits of what the request has, for its own phase; -1 until somebody asks. */
  private bits = -1;
  private split: { path: string; query: string } | undefined;
  private pairs: [string, string][] | undefined;
  private jar: ReadonlyMap<string, string> | undefined;
  private graph: GraphqlFacts | null | undefined;
  private token: Token | null | undefined;
  /** By paranoia. */
  private found: (readonly AttackFinding[] | undefined)[] | null = null;

  constructor(
    readonly view: RequestView,
    private readonly limits: ContentLimits,
    /** What was read of the exchange before; null: nothing. */
    readonly reading: ExchangeReading | null = null,
  ) {
    this.content = new Content(view.headers, view.body, limits, reading?.request ?? null);
  }

  /** What rules may ask of this request before they look at it, body and headers apart. */
  get has(): number {
    if (this.bits < 0) {
      const { bearer } = this;
      this.bits = (this.view.target.includes('?') ? HAS_QUERY : 0) | (bearer !== null && looksLikeJwt(bearer) ? HAS_TOKEN : 0);
    }
    return this.bits;
  }

  get path(): string {
    this.split ??= splitTarget(this.view.target);
    return this.split.path;
  }

  /** The token of the Authorization header: several rules ask for it. */
  get bearer(): Token | null {
    if (this.token === undefined) {
      const text = header(this.view.headers, 'authorization');
      this.token = text === null ? null : tokenIn(text);
    }
    return this.token;
  }

  get query(): readonly (readonly [string, string])[] {
    this.split ??= splitTarget(this.view.target);
    this.pairs ??= queryPairs(this.split.query);
    return this.pairs;
  }

  get cookies(): ReadonlyMap<string, string> {
    this.jar ??= header(this.view.headers, 'cookie') === null ? NO_COOKIES : cookies(this.view.headers);
    return this.jar;
  }

  /** null when the request is not GraphQL. */
  get graphql(): GraphqlFacts | null {
    if (this.graph === undefined) this.graph = readGraphql(this.content, this.query);
    return this.graph;
  }

  /** A body that is not coded as its header says is what it looks like to a backend that ignores the header. */
  private asReadLeniently(): Content {
    const { problem } = this.content.decoded();
    if (problem !== 'bad-encoding' && problem !== 'unsupported-encoding') return this.content;
    return new Content(withoutCoding(this.view.headers), this.view.body, this.limits);
  }

  attacks(tools: Tools, context: EvaluationContext, paranoia: number): readonly AttackFinding[] {
    if (tools.attacks === null) return EMPTY;
    let findings = this.found?.[paranoia];
    if (findings === undefined) {
      const content = this.asReadLeniently();
      findings = tools.attacks.detect(
        {
          method: this.view.method,
          path: this.path,
          query: this.query,
          headers: this.view.headers,
          cookies: this.cookies,
          mediaType: this.content.mediaType,
          text: () => content.text(),
          body: () => content.parsedWithRepeats().value,
          principal: context.principal,
        },
        { paranoia },
      );
      this.found ??= [];
      this.found[paranoia] = findings;
    }
    return findings;
  }
}

/** The headers without what they say of the body's coding. */
function withoutCoding(headers: HeaderList): HeaderList {
  const kept: string[] = [];
  for (let index = 0; index < headers.length; index += 2)
    if (headers[index].toLowerCase() !== 'content-encoding') kept.push(headers[index], headers[index + 1]);
  return kept;
}

/** Everything that the rules of one phase may ask. */
export class Facts {
  readonly content: Content;
  readonly headers: HeaderList;
  /** What was read of the message before. */
  private readonly read: MessageReading | null;
  /** Why a condition could not be decided; the worse of several. */
  doubt: 'none' | 'overflow' | 'unreadable' = 'none';
  /** The rule that is looked at fails closed: what can be read in several ways is not known to be harmless. */
  isStrict = false;
  private matches: Map<DataArea, readonly PlacedMatch[]> | null = null;
  private segments: readonly string[] | undefined;
  private readings: readonly (readonly string[])[] | undefined;
  private parameters: ReadonlyMap<string, string> | undefined;

  constructor(
    readonly phase: Phase,
    readonly request: RequestFacts,
    readonly response: ResponseView | null,
    readonly context: EvaluationContext,
    readonly tools: Tools,
    limits: ContentLimits,
  ) {
    const { reading } = request;
    const ofResponse = phase === 'response' && response !== null;
    this.headers = ofResponse ? response.headers : request.view.headers;
    this.content = ofResponse ? new Content(response.headers, response.body, limits, reading?.response ?? null) : request.content;
    this.read = reading === null ? null : ofResponse ? reading.response : reading.request;
  }

  /** What the message of this phase has, as far as rules ask for it. */
  presence(): number {
    const { body } = this.content;
    const hasBody = this.isRecording || (body !== null && (body.bytes.length > 0 || body.totalLength > 0));
    return this.request.has | (hasBody ? HAS_BODY : 0) | this.tools.names.of(this.headers);
  }

  /** Raw segments of the request's path. */
  pathSegments(): readonly string[] {
    this.segments ??= pathSegments(this.request.path);
    return this.segments;
  }

  /** Segments of the path in each way that a server may read it; the first is `pathSegments`. Nearly always one. */
  pathReadings(): readonly (readonly string[])[] {
    if (this.readings === undefined) {
      const { path } = this.request;
      const texts = pathReadings(path);
      this.readings = texts.map((text, index) => (index === 0 ? this.pathSegments() : pathSegments(text)));
    }
    return this.readings;
  }

  /** Before each rule: nothing is in doubt yet. */
  settle(): void {
    this.doubt = 'none';
  }

  /** Values of the parameters of the endpoint's template, by name. */
  pathParameters(): ReadonlyMap<string, string> {
    if (this.parameters === undefined) {
      const { template } = this.context.route;
      this.parameters = template === null ? new Map() : parametersOf(template, this.request.path);
    }
    return this.parameters;
  }

  /**
   * The body as rules with fields see it. In a request every value of a repeated key counts, since weir cannot know which one the upstream
   * takes; an answer is read as its client reads it.
   */
  values(): Parsed {
    return this.phase === 'request' ? this.content.parsedWithRepeats() : this.content.parsed();
  }

  /** Cookies of the request, or those that the answer sets. */
  cookies(): ReadonlyMap<string, string> {
    if (this.phase === 'request' || this.response === null) return this.request.cookies;
    const set = new Map<string, string>();
    for (const line of headerAll(this.response.headers, 'set-cookie')) {
      const equals = line.indexOf('=');
      const end = line.indexOf(';');
      if (equals > 0) set.set(line.slice(0, equals).trim(), line.slice(equals + 1, end < 0 ? undefined : end));
    }
    return set;
  }

  /** Values of data types in one area of the message of this phase. */
  data(area: DataArea): readonly PlacedMatch[] {
    this.matches ??= new Map();
    let known = this.matches.get(area);
    if (known === undefined) {
      known = this.recorded(area) ?? this.find(area);
      this.matches.set(area, known);
    }
    return known;
  }

  /** The JSON Web Token at a place, the Authorization header by default; null when there is none. */
  token(from: { header?: string; cookie?: string; query?: string } | undefined): Token | null {
    if (from === undefined) return this.request.bearer;
    const text =
      from.cookie !== undefined
        ? this.request.cookies.get(from.cookie)
        : from.query !== undefined
          ? this.request.query.find(([name]) => name === from.query)?.[1]
          : header(this.request.view.headers, from.header?.toLowerCase() ?? 'authorization');
    return text === undefined || text === null ? null : tokenOf(withoutScheme(text) ?? text.trim());
  }

  /** Data conditions look at what was classified when the exchange was recorded. */
  get isRecording(): boolean {
    return (this.context.dataHits?.(this.phase) ?? null) !== null;
  }

  private recorded(area: DataArea): readonly PlacedMatch[] | null {
    const hits = this.context.dataHits?.(this.phase) ?? null;
    if (hits === null) return null;
    const place = PLACES[area];
    return hits
      .filter((hit) => hit.location.in === place)
      .map(({ type, confidence, count, location }) => ({
        match: { type, start: 0, end: 0, confidence, path: location.path, via: null },
        in: place,
        path: location.path,
        value: '',
        count,
      }));
  }

  private find(area: DataArea): readonly PlacedMatch[] {
    const { classifier } = this.tools;
    const named = (place: Location['in'], pairs: Iterable<readonly [string, string]>): PlacedMatch[] => {
      const placed: PlacedMatch[] = [];
      for (const pair of pairs) {
        const [path, value] = pair;
        if (value.length < 4) continue;
        for (const match of classifier.classifyPairs([pair]))
          placed.push({ match, in: place, path, value: value.slice(match.start, match.end), count: 1 });
      }
      return placed;
    };
    switch (area) {
      case 'body':
        return this.findInBody();
      case 'headers':
        return named('header', headerPairs(this.headers));
      case 'cookies':
        return named('cookie', this.cookies());
      case 'query':
        return named('query', this.request.query);
      case 'path':
        return named(
          'path',
          this.pathSegments().map((segment, index): [string, string] => [String(index), decodeSegment(segment)]),
        );
    }
  }

  /** Spans of the matches count UTF-16 units of the body's text. */
  private findInBody(): readonly PlacedMatch[] {
    const { content, read } = this;
    if (content.isEmpty || isBinary(content.mediaType)) return EMPTY;
    const known = read?.isWhole === true ? read.matches : null;
    if (known?.length === 0) return EMPTY;
    const { isAscii } = content;
    const bytes = isAscii ? content.decoded().bytes : Buffer.from(content.text(), 'utf8');
    // Of other text the bytes that were read before may be in another charset: it is rare enough to be read again.
    const matches =
      known !== null && isAscii ? known : classifiedUtf8(this.tools.classifier, header(this.headers, 'content-type') ?? '', bytes);
    if (matches.length === 0) return EMPTY;
    const text = content.text();
    return inUnits(matches, bytes, isAscii).map((match) => ({
      match,
      in: 'body',
      path: match.path,
      value: text.slice(match.start, match.end),
      count: 1,
    }));
  }
}

/** Headers that a credential is expected in: finding one there is no leak. */
const CREDENTIAL_HEADERS = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);

const NO_COOKIES: ReadonlyMap<string, string> = new Map();
const MOST_TOKENS = 2_000;
const LONGEST_REMEMBERED = 4_096;
interface KnownToken {
  /** The whole value of the header. */
  readonly text: string;
  readonly token: Token | null;
}
const tokens = new LatestMap<KnownToken>(MOST_TOKENS);
const latestTokens = new LatestTexts<KnownToken>(1_024);

function tokenIn(authorization: string): Token | null {
  const latest = latestTokens.get(authorization);
  if (latest !== undefined) return latest.token;
  let known = tokens.get(authorization);
  if (known !== undefined) latestTokens.put(known);
  else {
    known = { text: authorization, token: tokenOf(withoutScheme(authorization)) };
    if (authorization.length <= LONGEST_REMEMBERED) tokens.set(authorization, known);
  }
  return known.token;
}

/** What stands behind `Bearer `; null when that is not what it begins with. */
function withoutScheme(text: string): string | null {
  return /^bearer\s/i.test(text) ? text.slice(7).trim() : null;
}

export const looksLikeJwt = (token: Token): boolean => token.jwt !== null || /^eyJ[\w-]*\./.test(token.text);

function tokenOf(text: string | null): Token | null {
  return text === null || text === '' ? null : { text, jwt: readJwt(text) };
}

function* headerPairs(headers: HeaderList): Iterable<readonly [string, string]> {
  for (let index = 0; index < headers.length; index += 2) {
    const name = headers[index].toLowerCase();
    if (!CREDENTIAL_HEADERS.has(name)) yield [name, headers[index + 1]];
  }
}

/** Media that no text rule can say anything about. */
function isBinary(type: string): boolean {
  if (type === 'application/json') return false;
  return /^(?:image\/(?!svg)|video\/|audio\/|font\/|application\/(?:zip|gzip|pdf|wasm|x-protobuf|grpc|x-7z|x-tar|vnd\.(?:ms|openxml)))/.test(
    type,
  );
}

const matchers = new Map<string, { readonly names: readonly string[]; readonly matcher: TemplateMatcher }>();

function parametersOf(template: string, path: string): ReadonlyMap<string, string> {
  let known = matchers.get(template);
  if (known === undefined) {
    known = { names: templateParameters(template), matcher: TemplateMatcher.of([{ service: '', method: '*', template }]) };
    if (matchers.size >= 10_000) matchers.clear();
    matchers.set(template, known);
  }
  let values: readonly string[] = [];
  for (const reading of pathReadings(path)) {
    values = known.matcher.match('', '*', reading)?.parameters ?? [];
    if (values.length > 0) break;
  }
  return new Map(known.names.map((name, index) => [name, values[index] ?? '']));
}
