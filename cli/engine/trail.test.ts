import t from 'tap';
import { decodeExchange, type Exchange, type Finding, type Observation } from '../../exchange/index.js';
import { exchange, START } from '../../test/support/inventory.js';
import { type Step, Trail } from './trail.js';

const LIMITS = { perActor: 3, bytes: 100_000, bodyBytes: 1_000, againAfterMs: 1_000, perIssue: 2 };
const endpoint = { id: 'e', service: 'shop', method: 'GET', template: '/a' };
const seen = (target: string, answer: unknown = {}): Observation => ({
  exchange: exchange({ target, answer }),
  endpoint,
  pathParameters: [],
  dataHits: [],
});
const read = (before: readonly Step[]): Exchange[] => before.map(({ record }) => decodeExchange(record));
const targets = (before: readonly Step[]): string[] => read(before).map(({ request }) => request.target);

t.test('an actor’s last exchanges, oldest first', async (t) => {
  const trail = new Trail(LIMITS);
  const steps: [actor: string, target: string, before: string[]][] = [
    ['ann', '/1', []],
    ['bob', '/x', []],
    ['ann', '/2', ['/1']],
    ['ann', '/3', ['/1', '/2']],
    ['ann', '/4', ['/1', '/2', '/3']],
    ['ann', '/5', ['/2', '/3', '/4']],
    ['bob', '/y', ['/x']],
  ];
  for (const [actor, target, before] of steps) t.same(targets(trail.follow(actor, seen(target))), before, `${actor} ${target}`);
});

t.test('a million actors and bodies of any size take no more than so many bytes', async (t) => {
  const trail = new Trail(LIMITS);
  for (let n = 0; n < 2_000; n++) {
    trail.follow(`actor ${n}`, seen(`/${n}`, 'x'.repeat(n)));
    t.ok(trail.bytes <= LIMITS.bytes || trail.actors <= 1);
  }
  t.ok(trail.actors > 20 && trail.actors < 200, `${trail.actors} actors`);
  t.same(targets(trail.follow('actor 0', seen('/a'))), [], 'who was quiet for longest is forgotten');
  t.same(targets(trail.follow('actor 1999', seen('/a'))), ['/1999']);
  const [large] = read(trail.follow('actor 1999', seen('/b')));
  t.equal(large.response?.body.bytes.length, 0, 'what is too large is remembered without its bodies');
  t.ok((large.response?.body.totalLength ?? 0) > 1_000);
});

t.test('bodies are copies: a batch does not stay in memory for one of its exchanges', async (t) => {
  const trail = new Trail(LIMITS);
  const whole = Buffer.alloc(60_000, 0x20);
  const one = seen('/a');
  const body = { ...one.exchange.request.body, bytes: whole.subarray(10, 20), totalLength: 10 };
  trail.follow('ann', { ...one, exchange: { ...one.exchange, request: { ...one.exchange.request, body } } });
  const [kept] = read(trail.follow('ann', seen('/b')));
  t.equal(kept.request.body.bytes.length, 10);
  t.ok(kept.request.body.bytes.buffer.byteLength < 60_000);
});

t.test('of one issue it is told a few times, once for each actor', async (t) => {
  const trail = new Trail(LIMITS);
  const finding = (fingerprint: string, actor: string | null, atMs: number): Finding =>
    ({ fingerprint, actor: actor === null ? null : { kind: 'principal', value: actor, label: actor }, atMs }) as Finding;
  const table: [fingerprint: string, actor: string | null, afterMs: number, isWanted: boolean][] = [
    ['f', 'ann', 0, true],
    ['f', 'ann', 1, false],
    ['f', 'bob', 2, true],
    ['f', 'eve', 3, false],
    ['g', 'ann', 3, true],
    ['g', null, 3, false],
    ['f', 'ann', 1_000, true],
  ];
  for (const [fingerprint, actor, afterMs, isWanted] of table)
    t.equal(trail.isWanted(finding(fingerprint, actor, START + afterMs)), isWanted, `${fingerprint} ${actor} ${afterMs}`);
});
