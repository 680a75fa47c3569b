/** Scanners for values whose outline is not fixed. Each is called at a byte that sets it off and returns where the scan goes on. */
import { isCredentialHost, isDomain, isIpv4, isIpv6, isJwtHeader, isNanp, isPhone } from '../data-types/index.js';
import { ALNUM, ALPHABETS, CHAIN, CLASS, DIGIT, LETTER } from './bytes.js';
import type { Scan } from './scan.js';

const isHex = (byte: number): boolean => ALPHABETS.hex[byte] === 1;
const isAlnum = (byte: number): boolean => (CLASS[byte] & ALNUM) !== 0;

/** Characters of an unquoted local part (RFC 5322 §3.2.3) that are common enough to follow. */
const LOCAL = new Uint8Array(256);
for (let b = 0; b < 256; b++) if (isAlnum(b) || b >= 0x80 || ".!#$%&'*+/=?^_`{|}~-".includes(String.fromCharCode(b))) LOCAL[b] = 1;
const DOMAIN = new Uint8Array(256);
for (let b = 0; b < 256; b++) if (isAlnum(b) || b === 0x2d || b === 0x2e) DOMAIN[b] = 1;

/** E-mail addresses: a chain with `@` in it. */
export function scanAtSign(scan: Scan, start: number, end: number): number {
  const rule = scan.rule('email');
  if (rule === undefined) return start;
  const { bytes } = scan;
  let to = start;
  for (let at = start; at < end; at++) {
    if (bytes[at] !== 0x40) continue;
    let from = at;
    const limit = Math.max(scan.start, to, at - 65);
    while (from > limit && LOCAL[bytes[from - 1]] === 1) from--;
    // Punctuation in front belongs to the text around: `mail=a@b.co`, `(a@b.co`.
    for (let i = at - 1; i >= from; i--) {
      if ('=/?&'.includes(String.fromCharCode(bytes[i]))) {
        from = i + 1;
        break;
      }
    }
    while (from < at && !isAlnum(bytes[from]) && bytes[from] < 0x80) from++;
    let until = at + 1;
    const far = Math.min(scan.end, at + 254);
    while (until < far && DOMAIN[bytes[until]] === 1) until++;
    const after = until < scan.end ? bytes[until] : 0;
    while (until > at + 1 && !isAlnum(bytes[until - 1])) until--;
    if (after >= 0x80 || after === 0x40 || after === 0x5f || at - from > 64) continue;
    if (at > from && bytes[at - 1] !== 0x2e && isMailDomain(scan.text(at + 1, until)) && !scan.text(from, at).includes('..')) {
      scan.found(rule, from, until);
      to = until;
      at = until;
    }
  }
  return to;
}

const isMailDomain = (domain: string): boolean => isDomain(domain) && domain.length <= 253;

/** `+49 30 1234567`, `+1 (415) 555-0132`. */
export function scanPlus(scan: Scan, at: number): number {
  const rule = scan.rule('phone');
  if (rule === undefined) return at + 1;
  return phoneFrom(scan, at, at + 1, 7) ?? at + 1;
}

/** `(415) 555-0132`, `(22) 99956-7894`, and coordinate pairs. */
export function scanParenthesis(scan: Scan, at: number): number {
  const { bytes } = scan;
  if (at + 8 > scan.end || (CLASS[bytes[at + 1]] & DIGIT) === 0) return at + 1;
  let close = at + 2;
  while (close < at + 6 && (CLASS[bytes[close]] & DIGIT) !== 0) close++;
  if (bytes[close] !== 0x29 || scan.rule('phone') === undefined) return at + 1;
  return phoneFrom(scan, at, at, 8) ?? at + 1;
}

const PHONE_JOINERS = new Uint8Array(256);
for (const byte of ' -./()') PHONE_JOINERS[byte.charCodeAt(0)] = 1;

/** Reads digits with single joiners from `from`; the longest prefix of groups that is a telephone number is one. */
function phoneFrom(scan: Scan, start: number, from: number, minDigits: number): number | null {
  const { bytes } = scan;
  const rule = scan.rule('phone');
  if (rule === undefined) return null;
  const ends: number[] = [];
  let digits = 0;
  let joiners = 0;
  let i = from;
  const limit = Math.min(scan.end, start + 28);
  for (; i < limit && digits < 16; i++) {
    if ((CLASS[bytes[i]] & DIGIT) !== 0) {
      digits++;
      joiners = 0;
    } else if (PHONE_JOINERS[bytes[i]] === 1 && joiners < 2) {
      if (joiners === 0 && digits >= minDigits) ends.push(i);
      joiners++;
    } else break;
  }
  if (joiners === 0 && digits >= minDigits && !(i < scan.end && (CLASS[bytes[i]] & LETTER) !== 0)) ends.push(i);
  for (let n = ends.length - 1; n >= 0; n--) {
    const text = scan.text(start, ends[n]);
    const good = bytes[start] === 0x2b ? isPhone(text) : isNanp(text);
    if (good || (bytes[start] === 0x28 ? isPhone(text) : scan.tables.types[rule.type].validate?.(text) === true)) {
      scan.found(rule, start, ends[n], good ? rule.alone : 0.35);
      return ends[n];
    }
  }
  return null;
}

/** IPv6 and MAC addresses: short hex groups with colons. Called at the first group, or at `::`. */
export function scanColons(scan: Scan, at: number): number {
  const { bytes } = scan;
  const before = at > scan.start ? bytes[at - 1] : 0;
  if (before === 0x3a) return at + 1;
  if (bytes[at] === 0x3a && isAlnum(before)) {
    let i = at - 1;
    while (i > scan.start && at - i < 40 && isAlnum(bytes[i - 1])) i--;
    if (i > scan.start && bytes[i - 1] === 0x3a) return at + 2;
  }
  let end = at;
  const limit = Math.min(scan.end, at + 48);
  let count = 0;
  let doubled = false;
  for (; end < limit; end++) {
    if (bytes[end] === 0x3a) {
      count++;
      if (bytes[end - 1] === 0x3a && end > at) doubled = true;
    } else if (!isHex(bytes[end]) && bytes[end] !== 0x2e) break;
  }
  // Times of day and ratios have few colons; a MAC address has five, an unshortened IPv6 address six or seven.
  if (count < 5 && !doubled) return at + 1;
  const after = end < scan.end ? bytes[end] : 0;
  let zoneEnd = end;
  if (after === 0x25) {
    zoneEnd++;
    while (zoneEnd < scan.end && zoneEnd - end < 40 && (CLASS[bytes[zoneEnd]] & CHAIN) !== 0) zoneEnd++;
    if (zoneEnd === end + 1 || bytes[zoneEnd] === 0x3a || bytes[zoneEnd] === 0x25) return at + 1;
  } else if (isAlnum(after) || after === 0x40 || after === 0x5f) return at + 1;
  while (end > at + 1 && (bytes[end - 1] === 0x2e || (bytes[end - 1] === 0x3a && bytes[end - 2] !== 0x3a))) end--;
  if (zoneEnd < end || after !== 0x25) zoneEnd = end;
  if (end - at < 2) return at + 1;
  const text = scan.text(at, end);
  const colons = text.split(':').length - 1;
  if (colons < 2) return at + 1;
  const mac = scan.rule('mac');
  if ((text.length === 17 || text.length === 23) && /^(?:[0-9a-f]{2}:){5}(?:(?:[0-9a-f]{2}:){2})?[0-9a-f]{2}$/i.test(text)) {
    if (mac !== undefined && scan.tables.types[mac.type].validate?.(text)) scan.found(mac, at, end);
    return end;
  }
  const rule = scan.rule('ipv6');
  const glued = bytes[at] === 0x3a && isAlnum(before);
  if (rule !== undefined && isIpv6(text) && !(glued && colons < 4 && !text.includes('.'))) {
    const bare = text.replace(/[:0]/g, '').length === 0 || text.length < 5;
    scan.found(rule, at, zoneEnd, bare ? 0.45 : rule.alone);
    cidrAfter(scan, at, zoneEnd, 128);
    return zoneEnd;
  }
  return Math.max(at + 1, text.includes('::') ? end : at + 1);
}

function cidrAfter(scan: Scan, start: number, end: number, maxBits: number): void {
  const rule = scan.rule('cidr');
  const { bytes } = scan;
  if (rule === undefined || bytes[end] !== 0x2f || end + 1 >= scan.end) return;
  let until = end + 1;
  while (until < scan.end && until < end + 4 && (CLASS[bytes[until]] & DIGIT) !== 0) until++;
  const bits = scan.text(end + 1, until);
  if (
    /^(?:0|[1-9]\d*)$/.test(bits) &&
    Number(bits) <= maxBits &&
    !(until < scan.end && (isAlnum(bytes[until]) || (bytes[until] === 0x2e && until + 1 < scan.end && isAlnum(bytes[until + 1]))))
  )
    scan.found(rule, start, until);
}

/** Chains with dots: IPv4 addresses, host names, Discord tokens, coordinate pairs. */
export function scanDots(scan: Scan, start: number, end: number, mask: number): void {
  const { bytes } = scan;
  if ((mask & ~(DIGIT | 8)) === 0) {
    if (end - start >= 7 && end - start <= 15) {
      const rule = scan.rule('ipv4');
      const text = rule === undefined ? '' : scan.text(start, end);
      if (rule !== undefined && isIpv4(text) && bytes[end] !== 0x25) {
        scan.found(rule, start, end);
        cidrAfter(scan, start, end, 32);
      }
    }
    if (end - start <= 14) coordinates(scan, start, end);
    return;
  }
  const length = end - start;
  if (length >= 50 && length <= 80) {
    const rule = scan.rule('discord');
    if (rule !== undefined && scan.tables.types[rule.type].validate?.(scan.text(start, end))) {
      scan.found(rule, start, end);
      return;
    }
  }
  if (length >= 76 && length <= 100) {
    const marked = scan.rule('marker');
    if (marked !== undefined && scan.tables.types[marked.type].validate?.(scan.text(start, end))) {
      scan.found(marked, start, end);
      return;
    }
  }
  const rule = scan.rule('domain');
  if (rule === undefined || rule.alone < scan.minConfidence || length > 253 || bytes[start - 1] === 0x40 || bytes[start - 1] === 0x2f)
    return;
  const name = scan.text(start, end);
  if (isDomain(name) && !name.includes('@')) scan.found(rule, start, end);
}

/** A latitude just before a comma and a longitude. */
function coordinates(scan: Scan, start: number, end: number): void {
  const rule = scan.rule('coordinates');
  const { bytes } = scan;
  if (rule === undefined || bytes[end] !== 0x2c) return;
  const from = start > scan.start && (bytes[start - 1] === 0x2d || bytes[start - 1] === 0x2b) ? start - 1 : start;
  const found = /^([-+]?\d{1,2}\.\d{3,15})(, ?)([-+]?\d{1,3}\.\d{3,15})(?![\d.])/.exec(scan.text(from, Math.min(scan.end, from + 48)));
  if (found !== null && scan.tables.types[rule.type].validate?.(found[0])) scan.found(rule, from, from + found[0].length);
}

const URL_END = new Uint8Array(256);
for (const byte of ' \t\r\n"\'<>`|{}\\^') URL_END[byte.charCodeAt(0)] = 1;

/** A chain, then `://`: links, links with a password in them, connection strings. */
export function scanUrl(scan: Scan, start: number, colon: number): number {
  const { bytes } = scan;
  if (colon + 3 >= scan.end || bytes[colon + 1] !== 0x2f || bytes[colon + 2] !== 0x2f) return scanAssignmentAt(scan, colon, start, colon);
  let end = colon + 3;
  const limit = Math.min(scan.end, colon + 2048);
  while (end < limit && URL_END[bytes[end]] === 0) end++;
  while (end > colon + 3 && '.,;:!?)]'.includes(String.fromCharCode(bytes[end - 1]))) end--;
  let authorityEnd = colon + 3;
  while (authorityEnd < end && bytes[authorityEnd] !== 0x2f && bytes[authorityEnd] !== 0x3f && bytes[authorityEnd] !== 0x23) authorityEnd++;
  const scheme = scan.text(start, colon).toLowerCase();
  const authority = scan.text(colon + 3, authorityEnd);
  const at = authority.lastIndexOf('@');
  if (at > 0) {
    const login = authority.slice(0, at);
    const password = login.slice(login.indexOf(':') + 1);
    if (
      login.includes(':') &&
      !login.startsWith(':') &&
      password !== '' &&
      isCredentialHost(authority.slice(at + 1)) &&
      !/^[$<{%*]/.test(password)
    ) {
      const store =
        /^(?:postgres|postgresql|mysql|mariadb|mongodb|redis|rediss|amqp|amqps|mssql|sqlserver|oracle|jdbc|clickhouse|cassandra|ftp|sftp|smtp|ldap|ldaps|couchbase|neo4j|bolt|nats|kafka)/.test(
          scheme,
        );
      const rule = scan.rule(store ? 'connection-string' : 'credentials-url') ?? scan.rule('credentials-url');
      if (rule !== undefined) scan.found(rule, start, end);
    }
  }
  if (scheme === 'http' || scheme === 'https') {
    const hook = scan.rule('slack-webhook');
    if (hook !== undefined && /^hooks\.slack(?:-gov)?\.com$/.test(authority)) {
      const link = scan.text(start, end);
      if (scan.tables.types[hook.type].validate?.(link)) scan.found(hook, start, end);
    }
  }
  const rule = scan.rule('url');
  if (
    rule !== undefined &&
    rule.alone >= scan.minConfidence &&
    scan.tables.types[rule.type].validate?.(scan.buffer.toString('utf8', start, end))
  )
    scan.found(rule, start, end);
  return colon + 3;
}

/** `{"alg":…` in base64url is `eyJ…`; two or three parts are a JWT, else it may wrap JSON. */
export function scanEncoded(scan: Scan, start: number, end: number): number {
  const { bytes } = scan;
  const b = bytes[start];
  const c = bytes[start + 1];
  const json = (b === 0x65 && (c === 0x79 || c === 0x77)) || (b === 0x57 && (c === 0x33 || c === 0x79));
  if (!json || end - start < 16 || start < scan.encodedEnd) return start;
  const firstDot = start + bytes.subarray(start, end).indexOf(0x2e);
  if (b === 0x65 && firstDot > start && firstDot < end) {
    const rule = scan.rule('jwt');
    const text = scan.text(start, end);
    const parts = text.split('.');
    if (parts.length <= 5 && isJwtHeader(parts[0]) && parts[1].length >= 2 && /^[\w-]+$/.test(parts[1])) {
      if (rule !== undefined) scan.found(rule, start, end);
      if (parts.length <= 3) scan.wrapped.push({ start, end, via: 'jwt', bytes: Buffer.from(parts[1], 'base64url') });
      return end;
    }
    return start;
  }
  let until = start;
  while (until < scan.end && ALPHABETS.base64[bytes[until]] === 1) until++;
  scan.encodedEnd = until;
  if (until - start < 16) return start;
  const decoded = Buffer.from(scan.text(start, until), 'base64');
  const first = decoded[0];
  if (first !== 0x7b && first !== 0x5b) return start;
  scan.wrapped.push({ start, end: until, via: 'base64', bytes: decoded });
  return until;
}

/** PEM blocks (RFC 7468) of private keys. */
export function scanPem(scan: Scan, at: number): number {
  const { bytes } = scan;
  let after = at + 1;
  while (after < scan.end && bytes[after] === 0x2d) after++;
  if (after - at < 5 || bytes[after] !== 0x42 || bytes[after + 1] !== 0x45 || bytes[after + 2] !== 0x47) return after;
  const rule = scan.rule('pem');
  const head = scan.text(after, Math.min(scan.end, after + 64));
  const label = /^BEGIN[ A-Z0-9]{0,24}PRIVATE KEY(?: BLOCK)?-----/.exec(head);
  if (rule === undefined || label === null || scan.pemEndMissing) return after;
  const bodyStart = after + label[0].length;
  const tail = scan.buffer.subarray(0, scan.end).indexOf('-----END', bodyStart, 'latin1');
  if (tail < 0) scan.pemEndMissing = true;
  const bodyEnd = tail < 0 ? Math.min(scan.end, bodyStart + 4096) : tail;
  if (scan.text(bodyStart, Math.min(bodyEnd, bodyStart + 4096)).replace(/[^A-Za-z0-9+/=]/g, '').length < 24) return bodyStart;
  const end = tail < 0 ? bodyEnd : Math.min(scan.end, tail + label[0].length + 4);
  scan.found(rule, at, end);
  return end;
}

/** `123456789:AA…`: a Telegram bot token. Called at the colon after digits. */
export function scanBotToken(scan: Scan, start: number, colon: number): number {
  const rule = scan.rule('bot-token');
  const { bytes } = scan;
  if (rule === undefined || colon - start < 8 || colon - start > 10 || bytes[colon + 1] !== 0x41) return colon;
  let end = colon + 1;
  while (end < scan.end && end - colon < 40 && ALPHABETS.token[bytes[end]] === 1) end++;
  if (scan.tables.types[rule.type].validate?.(scan.text(start, end)) !== true) return colon;
  scan.found(rule, start, end);
  return end;
}

const CURL_WINDOW = 600;
/** `curl` command lines: `-u user:password`, and `-H` with a header that authenticates. */
export function scanCurl(scan: Scan, start: number): void {
  const user = scan.rule('curl-user');
  const head = scan.rule('curl-header');
  if (user === undefined && head === undefined) return;
  const text = scan.text(start, Math.min(scan.end, start + CURL_WINDOW));
  if (user !== undefined) {
    const found = /\s(?:-u|--user)[ =]{0,3}(?:"([^"\n]{1,120})"|'([^'\n]{1,120})'|([^\s"']{1,120}))/.exec(text);
    const login = found?.[1] ?? found?.[2] ?? found?.[3] ?? '';
    if (found !== null && scan.tables.types[user.type].validate?.(login))
      scan.found(user, start + found.index + found[0].indexOf(login), start + found.index + found[0].indexOf(login) + login.length);
  }
  if (head !== undefined) {
    const found =
      /\s(?:-H|--header)[ =]{0,3}["']?(?:Authorization: ?(?:Bearer|Basic|Token|ApiKey)? ?|(?:X-)?[\w-]{0,24}(?:Api-?Key|Access-?Token|Auth-?Token): ?)([^\s"']{8,600})/i.exec(
        text,
      );
    if (found !== null && scan.tables.types[head.type].validate?.(found[1])) {
      const from = start + found.index + found[0].length - found[1].length;
      scan.found(head, from, from + found[1].length);
    }
  }
}

/** Password hashes in modular crypt format. */
export function scanDollar(scan: Scan, at: number): number {
  const rule = scan.rule('crypt-hash');
  if (rule === undefined || at + 12 > scan.end) return at + 1;
  const text = scan.text(at, Math.min(scan.end, at + 240));
  const found =
    /^\$(?:2[abxy]?\$\d\d\$[./A-Za-z0-9]{53}|argon2(?:id|i|d)\$v=\d+\$m=\d+,t=\d+,p=\d+\$[A-Za-z0-9+/]{8,88}\$[A-Za-z0-9+/]{16,128}|(?:1|apr1)\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}|5\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{43}|6\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}|y\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{1,86}\$[./A-Za-z0-9]{43}|[PH]\$[./A-Za-z0-9]{31}|pbkdf2(?:-sha(?:1|256|512))?\$\d+\$[./A-Za-z0-9]{8,64}\$[./A-Za-z0-9]{20,128}|scrypt\$[^$ ]{3,40}\$[A-Za-z0-9+/=]{8,64}\$[A-Za-z0-9+/=]{20,128})/.exec(
      text,
    );
  if (found === null) return at + 1;
  scan.found(rule, at, at + found[0].length);
  return at + found[0].length;
}

/** Azure AD client secrets have `Q~` after the fourth character and may begin with a joiner. */
export function scanTilde(scan: Scan, start: number, end: number): void {
  const rule = scan.rule('tilde-secret');
  if (rule === undefined) return;
  const { bytes } = scan;
  for (let i = start + 1; i < end - 20; i++) {
    if (bytes[i] !== 0x51 || bytes[i + 1] !== 0x7e) continue;
    const from = i - 4;
    if (from < scan.start) continue;
    if (from > scan.start && (CLASS[bytes[from - 1]] & CHAIN) !== 0) continue;
    if (scan.tables.types[rule.type].validate?.(scan.text(from, end))) {
      scan.found(rule, from, end);
      return;
    }
  }
}

/** `name = value` and `name: value` in text: a name that speaks for a type makes the rest a value. */
export function scanAssignment(scan: Scan, at: number): number {
  return scanAssignmentAt(scan, at, scan.nameStart, scan.nameEnd);
}

function scanAssignmentAt(scan: Scan, at: number, nameStart: number, nameEnd: number): number {
  const { bytes } = scan;
  if (at - nameEnd > 3 || nameEnd <= nameStart || nameEnd > at) return at + 1;
  const key = scan.hints.ofKey(bytes, nameStart, nameEnd);
  if (key === null || key.types.length === 0) return at + 1;
  let start = at + 1;
  while (start < scan.end && start - at < 6 && (bytes[start] <= 32 || bytes[start] === 0x3d || bytes[start] === 0x3e)) start++;
  if (start >= scan.end) return at + 1;
  const quote = bytes[start] === 0x22 || bytes[start] === 0x27 || bytes[start] === 0x60 ? bytes[start++] : 0;
  let end = start;
  const limit = Math.min(scan.end, start + 256);
  while (
    end < limit &&
    (quote !== 0
      ? bytes[end] !== quote && bytes[end] !== 0x0a
      : URL_END[bytes[end]] === 0 && bytes[end] !== 0x2c && bytes[end] !== 0x3b && bytes[end] !== 0x26)
  )
    end++;
  if (end > start) scan.keyed(key, start, end);
  return at + 1;
}
