/** The shop's data: people, products, orders. Everything is made up and the same at every start. */
import { createHash } from 'node:crypto';
import Database from 'libsql';

export interface User {
  readonly id: number;
  readonly username: string;
  password: string;
  fullName: string;
  email: string;
  phone: string;
  role: 'customer' | 'support' | 'admin';
  /** Made up, but of valid shape, so that there is something to find. */
  readonly ssn: string;
  credit: number;
  apiKey: string;
}

export interface Order {
  readonly id: number;
  readonly userId: number;
  readonly items: { productId: number; quantity: number; priceCents: number }[];
  status: 'open' | 'paid' | 'shipped' | 'cancelled';
  address: string;
  readonly totalCents: number;
}

export interface Address {
  readonly id: number;
  readonly userId: number;
  street: string;
  city: string;
}

export interface Coupon {
  readonly id: number;
  readonly code: string;
  readonly percent: number;
}

export interface Shop {
  readonly users: Map<number, User>;
  readonly orders: Map<number, Order>;
  readonly addresses: Map<number, Address>;
  readonly coupons: Map<number, Coupon>;
  readonly products: Database.Database;
  nextId(): number;
}

const NAMES = [
  'alice',
  'bob',
  'carol',
  'dave',
  'erin',
  'frank',
  'grace',
  'heidi',
  'ivan',
  'judy',
  'mallory',
  'niaj',
  'olivia',
  'peggy',
  'sybil',
  'trent',
];
const PRODUCTS = [
  'Kettle',
  'Toaster',
  'Desk lamp',
  'Backpack',
  'Notebook',
  'Water bottle',
  'Headphones',
  'Keyboard',
  'Bicycle bell',
  'Umbrella',
  'Coffee beans',
  'Tea towel',
];

/** A fresh shop: 16 people (`alice`/`alice-pw` … ; `admin`/`admin-pw`), 4 orders each. */
export function openShop(): Shop {
  let sequence = 5000;
  const nextId = () => ++sequence;
  const users = new Map<number, User>();
  const orders = new Map<number, Order>();
  const addresses = new Map<number, Address>();
  for (const [index, name] of [...NAMES, 'admin', 'support'].entries()) {
    const id = 101 + index;
    users.set(id, {
      id,
      username: name,
      password: `${name}-pw`,
      fullName: `${name[0].toUpperCase()}${name.slice(1)} Example`,
      email: `${name}@example.com`,
      phone: `+1 202 555 01${String(10 + index).slice(-2)}`,
      role: name === 'admin' ? 'admin' : name === 'support' ? 'support' : 'customer',
      ssn: `${String(212 + index * 7)}-${String(30 + index)}-${String(4100 + index * 37)}`,
      credit: 1000,
      apiKey: createHash('sha256').update(name).digest('hex').slice(0, 32),
    });
    addresses.set(id * 10, { id: id * 10, userId: id, street: `${index + 1} High Street`, city: 'Springfield' });
    if (index >= NAMES.length) continue;
    for (let count = 0; count < 4; count++) {
      const orderId = 1001 + index * 4 + count;
      const priceCents = 500 + ((index * 4 + count) % 12) * 250;
      orders.set(orderId, {
        id: orderId,
        userId: id,
        items: [{ productId: 1 + ((index + count) % PRODUCTS.length), quantity: 1 + (count % 3), priceCents }],
        status: 'paid',
        address: `${index + 1} High Street, Springfield`,
        totalCents: priceCents * (1 + (count % 3)),
      });
    }
  }
  const products = new Database(':memory:');
  products.exec(
    'CREATE TABLE products (id INTEGER PRIMARY KEY, name TEXT NOT NULL, price_cents INTEGER NOT NULL, hidden INTEGER NOT NULL DEFAULT 0)',
  );
  const insert = products.prepare('INSERT INTO products (id, name, price_cents, hidden) VALUES (?, ?, ?, ?)');
  for (const [index, name] of PRODUCTS.entries()) insert.run(index + 1, name, 500 + index * 250, 0);
  insert.run(99, 'Unreleased phone', 99900, 1);
  return {
    users,
    orders,
    addresses,
    coupons: new Map([1, 2, 3].map((id) => [id, { id, code: `SAVE${id}0`, percent: id * 10 }])),
    products,
    nextId,
  };
}
