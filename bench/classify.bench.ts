/**
 * Microseconds to classify one body, all data types on, beside one RegExp a type and an RE2 Set of the same patterns. CPU time, so that other
 * work on the machine counts less. Must: 150 for 10 KB clean, 400 for 10 KB dense.
 * 400 distinct JSON bodies of about 10 KB (and 2 KB), clean (nothing to
 * find), dense (one record in four is a person's: about 5 values a KB) and saturated (every record is).
 *
 *     node --import tsx bench/classify.bench.ts [rounds]
 */
import { RE2Set } from 're2js';
import { Classifier } from '../policies/classify/index.js';
import { dataTypes } from '../policies/data-types/index.js';

const BODIES = 400;
const rounds = Number(process.argv[2] ?? 5);

let seed = 1;
const random = (below: number): number => {
  seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
  return Math.floor((seed / 2 ** 32) * below);
};
const WORDS =
  'order status shipped pending warehouse quantity price currency total discount customer note delivery express standard return policy window colour size weight material cotton blue green large small available stock supplier region market channel campaign'.split(
    ' ',
  );
const words = (count: number): string => Array.from({ length: count }, () => WORDS[random(WORDS.length)]).join(' ');
const hex = (length: number): string => Array.from({ length }, () => '0123456789abcdef'[random(16)]).join('');
const digits = (length: number): string => Array.from({ length }, () => random(10)).join('');

const clean = () => ({
  id: `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
  sku: `SKU-${digits(6)}`,
  createdAt: `2025-0${1 + random(9)}-1${random(10)}T1${random(10)}:2${random(10)}:3${random(10)}Z`,
  quantity: random(100),
  price: random(10000) / 100,
  status: WORDS[random(WORDS.length)],
  description: words(18),
  tags: [words(1), words(1)],
  orderNumber: `1${digits(15)}`,
});
const luhn = (body: string): string => {
  for (let check = 0; check < 10; check++) {
    let sum = 0;
    [...`${body}${check}`].reverse().forEach((digit, i) => {
      const value = Number(digit) * (i % 2 === 1 ? 2 : 1);
      sum += value > 9 ? value - 9 : value;
    });
    if (sum % 10 === 0) return `${body}${check}`;
  }
  return body;
};
const dense = () => ({
  id: `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
  firstName: 'Ada',
  email: `user${digits(4)}@example.com`,
  ssn: `5${digits(2)}-${10 + random(80)}-${1000 + random(8999)}`,
  phone: `+1 212 555 ${digits(4)}`,
  card: { number: luhn(`4${digits(14)}`), cvv: digits(3) },
  iban: 'DE89370400440532013000',
  ip: `203.0.113.${random(255)}`,
  token: `ghp_${hex(36)}`,
  description: words(12),
  note: `call 415-555-${digits(4)} about ${words(4)}`,
});

const mixed = () => (random(4) === 0 ? dense() : clean());

const bodies = (make: () => object, bytes: number): Buffer[] =>
  Array.from({ length: BODIES }, () => {
    const items: object[] = [];
    let length = 0;
    while (length < bytes) {
      const item = make();
      items.push(item);
      length += JSON.stringify(item).length + 1;
    }
    return Buffer.from(JSON.stringify({ items }));
  });

/** One plain pattern a type, without validators: what a rule set in RegExp would do. */
const PATTERNS = [
  '\\b(?:\\d[ -]?){13,19}\\b',
  '\\b[A-Z]{2}\\d{2}[A-Z0-9]{11,30}\\b',
  '\\b\\d{3}-\\d{2}-\\d{4}\\b',
  '\\b9\\d{2}-\\d{2}-\\d{4}\\b',
  '[\\w.+-]+@[\\w-]+\\.[\\w.-]+',
  '\\+\\d[\\d ()-]{6,18}\\d',
  '\\(?\\d{3}\\)?[ -]\\d{3}-\\d{4}',
  '\\b(?:\\d{1,3}\\.){3}\\d{1,3}\\b',
  '\\b(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{1,4}\\b',
  '\\b(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}\\b',
  'eyJ[\\w-]+\\.eyJ[\\w-]+\\.[\\w-]+',
  'gh[pousr]_[A-Za-z0-9]{36}',
  'glpat-[\\w-]{20}',
  'AKIA[0-9A-Z]{16}',
  'AIza[\\w-]{35}',
  'sk_live_[A-Za-z0-9]{10,99}',
  'xox[baprs]-[\\w-]{10,}',
  'SG\\.[\\w-]{22}\\.[\\w-]{43}',
  'npm_[A-Za-z0-9]{36}',
  'sk-[A-Za-z0-9]{20}T3BlbkFJ[A-Za-z0-9]{20}',
  '-----BEGIN [A-Z ]*PRIVATE KEY-----',
  '\\$2[aby]\\$\\d\\d\\$[./A-Za-z0-9]{53}',
  '\\w+://[^\\s:@/]+:[^\\s:@/]+@[\\w.-]+',
  '\\b0x[0-9a-fA-F]{40}\\b',
  '\\b(?:bc1|[13])[a-zA-HJ-NP-Z0-9]{25,39}\\b',
  '\\b[A-CEGHJ-PR-TW-Z]{2}\\d{6}[A-D]\\b',
  '\\b\\d{3} \\d{3} \\d{4}\\b',
  '\\b\\d{8}[A-Z]\\b',
  '\\b[XYZ]\\d{7}[A-Z]\\b',
  '\\b[A-Z]{6}\\d{2}[A-Z]\\d{2}[A-Z]\\d{3}[A-Z]\\b',
  '\\b\\d{3}\\.\\d{3}\\.\\d{3}-\\d{2}\\b',
  '\\b[A-Z]{5}\\d{4}[A-Z]\\b',
  '\\b[STFG]\\d{7}[A-Z]\\b',
  '\\b\\d{6}-\\d{4}\\b',
  '\\b\\d{4} \\d{4} \\d{4}\\b',
  '\\b[A-HJ-NPR-Z0-9]{17}\\b',
  '\\b\\d{15}\\b',
  '\\b\\d{11}\\b',
  '\\b\\d{9}\\b',
  '\\b[A-Z]\\d{8}\\b',
];

/** Median over rounds of the mean CPU time per body, after one round to warm up: other load on the machine counts less than with a clock. */
function measure(run: (body: Buffer) => number, set: readonly Buffer[]): { us: number; found: number } {
  const times: number[] = [];
  let found = 0;
  for (let round = 0; round <= rounds; round++) {
    found = 0;
    const start = process.cpuUsage();
    for (const body of set) found += run(body);
    const spent = process.cpuUsage(start);
    if (round > 0) times.push((spent.user + spent.system) / set.length);
  }
  return { us: times.sort((a, b) => a - b)[times.length >> 1], found: found / set.length };
}

const classifier = Classifier.of(dataTypes);
const headers = ['content-type', 'application/json'];
const plain = PATTERNS.map((pattern) => new RegExp(pattern, 'g'));

/** RE2 in the runtime that user patterns have here: all patterns in one automaton, which says which of them occur, not where. */
const re2 = new RE2Set();
for (const pattern of PATTERNS) re2.add(pattern);
re2.compile();
/** RE2 Set as it is elsewhere: Rust's RegexSet, of the same construction, as WebAssembly; measured where `rregex` is installed. */
const wasm = await import('rregex' as string)
  .then((module: { readonly RRegExpSet?: new (patterns: string[]) => { matches(text: string): unknown } }) =>
    module.RRegExpSet === undefined ? null : new module.RRegExpSet(PATTERNS),
  )
  .catch(() => null);

const rows: Record<string, Record<string, string>> = {};
for (const [name, set] of [
  ['2 KB clean', bodies(clean, 2_000)],
  ['2 KB dense', bodies(mixed, 2_000)],
  ['10 KB clean', bodies(clean, 10_000)],
  ['10 KB dense', bodies(mixed, 10_000)],
  ['10 KB saturated', bodies(dense, 10_000)],
] as const) {
  const ours = measure((body) => classifier.classifyBody(headers, body).length, set);
  const regexps = measure((body) => {
    const text = body.toString('latin1');
    let count = 0;
    for (const pattern of plain) for (const _match of text.matchAll(pattern)) count++;
    return count;
  }, set);
  rows[name] = {
    [`weir, ${dataTypes.length} types`]: `${ours.us.toFixed(1)} µs (${ours.found.toFixed(1)})`,
    [`${plain.length} RegExps`]: `${regexps.us.toFixed(1)} µs (${regexps.found.toFixed(1)})`,
  };
  const set2 = measure((body) => re2.match(body.toString('latin1')).length, set);
  rows[name][`RE2 Set (re2js), ${PATTERNS.length}`] = `${set2.us.toFixed(1)} µs (${set2.found.toFixed(1)} types)`;
  if (wasm !== null) {
    const set3 = measure((body) => (wasm.matches(body.toString('latin1')) === null ? 0 : 1), set);
    rows[name]['RegexSet (rregex)'] = `${set3.us.toFixed(1)} µs`;
  }
}
console.table(rows);
