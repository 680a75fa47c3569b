/**
 * `node dist/examples/demo-api/play.js --base URL [--seconds 60] [--rate 15]`: customers who sign in, list, open and place orders, and from a third of
 * the time on one attacker. Each sends its own X-Forwarded-For, so weir must trust the loopback address to tell them apart.
 */
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: {
    base: { type: 'string' },
    seconds: { type: 'string', default: '60' },
    rate: { type: 'string', default: '15' },
    seed: { type: 'string', default: '1' },
  },
});
if (values.base === undefined) {
  process.stderr.write('play: --base URL is missing\n');
  process.exit(2);
}
const base = values.base;
const playMs = Number(values.seconds) * 1000;
const pauseMs = 1000 / Number(values.rate);

// Mulberry32: the same seed plays the same minute.
let state = Number(values.seed) >>> 0;
function random(): number {
  state = (state + 0x6d2b79f5) >>> 0;
  let mixed = Math.imul(state ^ (state >>> 15), state | 1);
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
}
const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)];

interface Answer {
  readonly status: number;
  readonly json: Record<string, unknown>;
}

class Person {
  token: string | null = null;
  orders: number[] = [];

  constructor(
    readonly name: string,
    readonly address: string,
    readonly agent = 'DemoShopApp/4.2',
  ) {}

  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const headers: Record<string, string> = { 'x-forwarded-for': this.address, 'user-agent': this.agent, accept: 'application/json' };
    if (this.token !== null) headers.authorization = `Bearer ${this.token}`;
    if (body !== undefined) headers['content-type'] = 'application/json';
    const answer = await fetch(`${base}${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(5000),
    });
    const text = await answer.text();
    try {
      return { status: answer.status, json: JSON.parse(text) as Record<string, unknown> };
    } catch {
      return { status: answer.status, json: {} };
    }
  }

  async signIn(): Promise<void> {
    const { json } = await this.call('POST', '/api/login', { username: this.name, password: `${this.name}-pw` });
    this.token = typeof json.token === 'string' ? json.token : null;
  }

  /** One step of ordinary use. */
  async step(): Promise<void> {
    if (this.token === null) return this.signIn();
    if (this.orders.length === 0) {
      const { json } = await this.call('GET', '/api/orders');
      this.orders = ((json.orders ?? []) as { id: number }[]).map((order) => order.id);
      return;
    }
    const dice = random();
    if (dice < 0.45) await this.call('GET', `/api/orders/${pick(this.orders)}`);
    else if (dice < 0.55) await this.call('GET', '/api/orders');
    else if (dice < 0.65) await this.call('GET', '/api/products?limit=10');
    else if (dice < 0.75) await this.call('GET', `/api/products/${1 + Math.floor(random() * 12)}`);
    else if (dice < 0.8) await this.call('GET', `/api/products/search?q=${pick(['kettle', 'lamp', 'bell', 'tea'])}`);
    else if (dice < 0.87) await this.call('GET', '/api/profile');
    else if (dice < 0.92)
      await this.call('PUT', `/api/orders/${pick(this.orders)}/address`, { address: `${1 + Math.floor(random() * 90)} Low Road` });
    else {
      const { json } = await this.call('POST', '/api/orders', {
        productId: 1 + Math.floor(random() * 12),
        quantity: 1 + Math.floor(random() * 3),
      });
      if (typeof json.id === 'number') this.orders.push(json.id);
    }
  }
}

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi', 'ivan', 'judy', 'niaj', 'olivia'];
const customers = NAMES.map((name, index) => new Person(name, `198.51.100.${10 + index}`));
const attacker = new Person('mallory', '203.0.113.66', 'python-requests/2.31');

const PROBES: readonly [string, string][] = [
  ['GET', "/api/products/search?q=' UNION SELECT id, name FROM products WHERE hidden=1--".replaceAll(' ', '%20')],
  ['GET', '/api/invoices?file=../../../../../../etc/passwd'],
  ['GET', '/api/admin/users'],
  ['GET', "/api/products/search?q=1'%20OR%20'1'%3D'1"],
  ['GET', '/debug/config'],
];

/** What the attacker does at its n-th turn: a normal start, then other people's orders one after the other, with probes between. */
async function attack(turn: number): Promise<void> {
  if (turn < 4) return attacker.step();
  if (turn % 6 === 5) {
    const [method, path] = PROBES[Math.floor(turn / 6) % PROBES.length];
    await attacker.call(method, path);
  } else await attacker.call('GET', `/api/orders/${1001 + ((turn * 3) % 64)}`);
}

const startedMs = Date.now();
let sent = 0;
let failed = 0;
let turn = 0;
while (Date.now() - startedMs < playMs) {
  const isAttackTime = Date.now() - startedMs > playMs / 3;
  try {
    if (isAttackTime && sent % 4 === 0) await attack(turn++);
    else await pick(customers).step();
  } catch {
    failed++;
  }
  sent++;
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
}
process.stdout.write(`${JSON.stringify({ sent, failed, attackTurns: turn })}\n`);
