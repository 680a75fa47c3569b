import { createHmac, timingSafeEqual } from 'node:crypto';
import type { User } from './shop.js';

const KEY = 'demo-signing-key-for-a-demo-shop';

export interface Claims {
  readonly sub: string;
  readonly role: string;
  readonly exp: number;
}

const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const sign = (text: string) => createHmac('sha256', KEY).update(text).digest('base64url');

export function issueToken(user: User, nowMs: number): string {
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: String(user.id), name: user.username, role: user.role, iat: Math.floor(nowMs / 1000), exp: Math.floor(nowMs / 1000) + 3600 })}`;
  return `${text}.${sign(text)}`;
}

/** The claims of a token that this shop accepts, else null. The flawed shop accepts `alg: none` and never looks at the expiry. */
export function acceptToken(token: string, nowMs: number, secure: boolean): Claims | null {
  const [head, body, signature] = token.split('.');
  try {
    const { alg } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { alg?: string };
    const claims = JSON.parse(Buffer.from(body, 'base64url').toString()) as Claims;
    const isUnsigned = typeof alg === 'string' && alg.toLowerCase() === 'none';
    if (isUnsigned) return secure ? null : claims;
    const expected = Buffer.from(sign(`${head}.${body}`));
    const given = Buffer.from(signature ?? '');
    if (expected.length !== given.length || !timingSafeEqual(expected, given)) return null;
    return secure && claims.exp * 1000 < nowMs ? null : claims;
  } catch {
    return null;
  }
}
