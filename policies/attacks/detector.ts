import type { Location } from '../../exchange/index.js';
import type { AttackDetector, AttackFinding, AttackInput } from '../attack-port.js';
import { WordScan } from './automaton.js';
import { findHtml } from './html.js';
import { findLookups } from './lookups.js';
import { capped, normalise, unwrapped } from './normalise.js';
import { findPaths, SOURCE_FILE } from './paths.js';
import { GROUP, GROUP_WORDS, PATTERNS, type Place, SCANNERS } from './patterns.js';
import { graphqlTexts, isKnownHeader, visitBody, visitPairs, visitParsed, visitPath } from './places.js';
import { type Reading, readText } from './prose.js';
import { RULES } from './rules.js';
import { findSql, type Sign } from './sql.js';
import { findUrls } from './urls.js';

export interface AttackDetectorOptions {
  /** Rules that are never looked at, by the name that findings carry: `sql-comment`. */
  readonly withoutRules?: readonly string[];
  /** Characters of one request that are looked at, 512 Ki by default. What lies behind is not searched. */
  readonly maxChars?: number;
}

const DEFAULT_MAX_CHARS = 524_288;
const EXCERPT_BEFORE = 20;
const EXCERPT_CHARS = 200;
/** Short and without anything that a rule needs. */
const HARMLESS = /^[\w.,@:-]{0,11}$/;
const HARMLESS_PATH = /^[\w\-.~@:,/]{0,300}$/;
/** Long enough to wrap something in base64. */
const LONG_SEGMENT = /[\w+=-]{16}/;
const TEXT_IN_CODE_SCORE = 4;
/** Steps up that the name of a source file takes in a body. */
const STEPS_OF_SOURCES = 2;

const scan = new WordScan(GROUP_WORDS);

/**
 * Finds injection attacks by their structure, after taking off the encodings that a backend would. Pure, never throws, and bounded: of one value
 * the first 4 KiB and the last 3 KiB are looked at. One finding a class and place, the strongest signs first.
 */
export function attackDetector(options: AttackDetectorOptions = {}): AttackDetector {
  const off = new Set(options.withoutRules ?? []);
  const maxChars = options.maxChars ?? DEFAULT_MAX_CHARS;
  return {
    detect: (input, { paranoia }) => {
      const search = new Search(paranoia, off, maxChars);
      search.request(input);
      return search.findings();
    },
  };
}

interface Signed {
  readonly rule: string;
  readonly at: number;
}

class Search {
  private readonly found = new Map<string, AttackFinding>();
  private charsLeft: number;
  private isWithin = false;

  constructor(
    private readonly paranoia: number,
    private readonly off: ReadonlySet<string>,
    maxChars: number,
  ) {
    this.charsLeft = maxChars;
  }

  findings(): readonly AttackFinding[] {
    return this.found.size === 0 ? [] : [...this.found.values()].sort((a, b) => b.score - a.score);
  }

  request(input: AttackInput): void {
    if (!HARMLESS_PATH.test(input.path) || input.path.includes('..') || LONG_SEGMENT.test(input.path)) {
      visitPath(input.path, this.value);
      this.collect(
        (sign) => findPaths(normalise(capped(input.path)).text.toLowerCase(), input.path, -1, sign),
        input.path,
        'path',
        '',
        null,
      ); // prettier-ignore
    }
    visitPairs(input.query, 'query', this.value, this.key('query'));
    if (input.cookies.size > 0) visitPairs(input.cookies, 'cookie', this.value, this.key('cookie'));
    this.headers(input.headers);
    visitBody(input, this.value, this.key('body'));
    if (/xml|soap/.test(input.mediaType)) this.markup(input.text());
  }

  /** Document types and includes stand outside the values of a document. */
  private markup(text: string): void {
    const head = capped(text).toLowerCase();
    this.collect(
      (sign) => {
        for (const pattern of PATTERNS)
          if (pattern.group === GROUP.xml) {
            const match = pattern.match.exec(head);
            if (match !== null) sign(pattern.rule, match.index);
          }
      },
      text,
      'body',
      '',
      null,
    ); // prettier-ignore
  }

  private headers(headers: readonly string[]): void {
    for (let index = 0; index < headers.length; index += 2) {
      const value = headers[index + 1];
      const name = headers[index].toLowerCase();
      if (!isKnownHeader(name)) this.value(value, 'header', name, name);
      else if (value.includes('${') || value.includes('() {') || value.includes('%24%7B'))
        this.collect(
          (sign) => {
            const lower = normalise(capped(value)).text.toLowerCase();
            findLookups(lower, sign);
            if (/\(\s*\)\s*\{[^}/*]{0,12};?\s*\}\s*;/.test(lower)) sign('command-shellshock');
          },
          value,
          'header',
          name,
          null,
        ); // prettier-ignore
      if (name === 'user-agent') {
        const match = SCANNERS.exec(value.length > 1000 ? value.slice(0, 1000) : value);
        if (match !== null) this.collect((sign) => sign('scanner-agent', match.index), value, 'header', name, null);
        if (value.includes('<')) this.value(value, 'header', name, name);
      } else if (name === 'referer' && /[<'"]|%3c|%27/i.test(value)) this.value(value, 'header', name, name);
    }
  }

  private readonly value = (value: string, place: Place, path: string, name: string): void => {
    if (HARMLESS.test(value) || this.charsLeft <= 0) return;
    this.charsLeft -= value.length;
    const raw = capped(value);
    const { text, settled } = normalise(raw);
    const parsed = value.length === raw.length ? parsedJson(text) : null;
    if (name === 'query' || name === '') for (const [argument, inner] of graphqlTexts(value)) this.value(inner, place, path, argument);
    if (parsed !== null) this.within(parsed, place, path, name);
    this.inspect(text, raw, place, path, name, parsed !== null);
    if (!settled) this.collect((sign) => sign('over-encoded'), text, place, path, null);
    const inner = unwrapped(text);
    if (inner !== null) {
      const { text: decoded } = normalise(inner);
      this.inspect(decoded, inner, place, path, name);
    }
  };

  /** What stands in a document within a value is read as in a body, wherever the value stood: its lines end no header. */
  private within(parsed: object, place: Place, path: string, name: string): void {
    const before = this.isWithin;
    this.isWithin = true;
    visitParsed(parsed, place, path, name, this.value, this.key(place));
    this.isWithin = before;
  }

  /** `isJson`: its texts are looked at one by one, and the quotes around them close nothing. */
  private inspect(text: string, raw: string, place: Place, path: string, name: string, isJson = false): void {
    const groups = scan.find(text);
    if (groups === 0) return;
    const lower = text.toLowerCase();
    let read: Reading | undefined;
    const grammar = this.isWithin ? 'body' : place;
    const isFree = grammar === 'body' || grammar === 'query';
    const reading = (): Reading => {
      read ??= isFree ? readText(text, name, grammar === 'body') : { isText: false, outsideCode: text };
      return read;
    };
    this.collect(
      (sign) => {
        if ((groups & GROUP.sql) !== 0 && !isJson) this.sql(lower, sign);
        if ((groups & (GROUP.tag | GROUP.script)) !== 0) this.html(text, text.length < 400 && !reading().isText, sign);
        if ((groups & GROUP.path) !== 0) findPaths(lower, raw, grammar === 'body' && SOURCE_FILE.test(lower) ? STEPS_OF_SOURCES : 0, sign);
        if ((groups & GROUP.url) !== 0) findUrls(lower, name, sign);
        if ((groups & GROUP.lookup) !== 0) findLookups(lower, sign);
        for (const pattern of PATTERNS) {
          if ((groups & pattern.group) === 0) continue;
          if (pattern.in !== undefined && !pattern.in.includes(grammar)) continue;
          if (pattern.maxChars !== undefined && text.length > pattern.maxChars) continue;
          const match = pattern.match.exec(pattern.keepsCase === true ? text : lower);
          if (match !== null) sign(pattern.rule, match.index);
        }
      },
      text,
      place,
      path,
      reading,
    ); // prettier-ignore
  }

  private sql(lower: string, sign: Sign): void {
    const bare = lower.includes('\0') ? lower.replaceAll('\0', '') : lower;
    let any = false;
    const noted: Sign = (rule, at) => {
      any = true;
      sign(rule, at);
    };
    findSql(bare, noted);
    if (!any && bare.includes('+') && !bare.includes(' ')) findSql(bare.replaceAll('+', ' '), noted);
  }

  private html(text: string, isLoose: boolean, sign: Sign): void {
    findHtml(text.includes('+') && !text.includes(' ') ? text.replaceAll('+', ' ') : text, isLoose, sign);
  }

  private key(place: Place): (key: string, value: unknown, path: string) => void {
    return (key, value, path) => {
      const operator =
        /(?:^|\[)\$(ne|eq|gt|gte|lt|lte|nin|in|regex|where|exists|or|and|nor|not|expr|function|all|size|type|mod|elemmatch|jsonschema)\]?$/i.exec(
          key,
        );
      if (operator !== null) {
        const name = operator[1].toLowerCase();
        const isTrivial =
          name === 'where' ||
          name === 'function' ||
          (/^(?:ne|gt|gte|nin|exists|regex)$/.test(name) && isAlwaysTrue(value)) ||
          key.includes('[$');
        this.collect(
          (sign) => sign(isTrivial ? 'nosql-operator' : 'nosql-operator-plain'),
          `${key}: ${typeof value === 'string' ? value : ''}`,
          place,
          path,
          null,
        );
      }
      if (
        /(?:^|[.[])__proto__/.test(key) ||
        /constructor[\].[]+prototype/.test(key) ||
        (key === 'constructor' && typeof value === 'object' && value !== null && Object.hasOwn(value, 'prototype'))
      )
        this.collect((sign) => sign('pollution-key'), key, place, path, null);
    };
  }

  /** Runs detectors on one value and keeps one finding a class and place. */
  private collect(run: (sign: Sign) => void, text: string, place: Place, path: string, reading: (() => Reading) | null): void {
    const signs: Signed[] = [];
    run((rule, at = 0) => {
      const facts = RULES[rule];
      if ((facts.level ?? 1) <= this.paranoia && !this.off.has(rule)) signs.push({ rule, at });
    });
    if (signs.length === 0) return;
    const read = reading?.() ?? null;
    const isText = read?.isText === true;
    const outside = isText && signs.some((one) => RULES[one.rule].inText >= 5) ? this.outsideCode(read, place) : null;
    const byClass = new Map<string, { score: number; best: Signed; top: number; rules: Set<string> }>();
    for (const one of signs) {
      const facts = RULES[one.rule];
      let worth = isText ? facts.inText : facts.score;
      if (worth >= 5 && facts.class === 'xss' && outside !== null && !outside.has(one.rule)) worth = TEXT_IN_CODE_SCORE;
      if (worth <= 0) continue;
      const known = byClass.get(facts.class);
      if (known === undefined) byClass.set(facts.class, { score: worth, best: one, top: worth, rules: new Set([one.rule]) });
      else if (!known.rules.has(one.rule)) {
        known.rules.add(one.rule);
        if (worth > known.top) {
          known.top = worth;
          known.best = one;
        }
        known.score = isText ? known.top : Math.max(known.score, known.top) + 1;
      }
    }
    for (const [kind, { score, best }] of byClass) this.keep(kind, Math.min(score, 10), best, text, { phase: 'request', in: place, path });
  }

  private keep(kind: string, score: number, { rule, at }: Signed, text: string, location: Location): void {
    const key = `${kind}\0${location.in}\0${location.path}`;
    const before = this.found.get(key);
    if (before !== undefined && before.score >= score) return;
    const confidence = score >= 8 ? 0.95 : score >= 6 ? 0.9 : score >= 5 ? 0.8 : 0.5;
    const start = Math.max(0, at - EXCERPT_BEFORE);
    this.found.set(key, { class: kind, score, confidence, location, rule, excerpt: text.slice(start, start + EXCERPT_CHARS) });
  }

  /** Rules of markup that still hold when inline code and code blocks are left out. */
  private outsideCode(read: Reading, place: Place): ReadonlySet<string> {
    const rules = new Set<string>();
    if (place === 'body' || place === 'query') findHtml(read.outsideCode, false, (rule) => rules.add(rule));
    return rules;
  }
}

/** A value that is a JSON document itself, as filters and webhooks have them. */
function parsedJson(text: string): object | null {
  if (!/^\s*(?:\{\s*"|\[\s*[{["\d])/.test(text) || !/[}\]]\s*$/.test(text)) return null;
  try {
    return JSON.parse(text) as object;
  } catch {
    return null;
  }
}

/** A condition that holds for every record. */
function isAlwaysTrue(value: unknown): boolean {
  if (value === null || value === '' || value === true || value === -1 || value === 0) return true;
  if (Array.isArray(value)) return value.length === 0 || isAlwaysTrue(value[0]);
  return typeof value === 'string' && /^(?:\.\*|\.\+|\^|\^?\.\*\$?|null|0|1|-1|true|[\w.^]{1,3}\.\*)$/.test(value);
}
