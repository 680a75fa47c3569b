import { type DataType, scanner } from './type.js';

/** Is this base64url text a JOSE header: a JSON object with `alg` (RFC 7515 §4.1.1)? */
export function isJwtHeader(part: string): boolean {
  if (part.length < 10 || part.length > 4096 || !/^[\w-]+$/.test(part)) return false;
  try {
    const header: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof header === 'object' && header !== null && 'alg' in header && typeof header.alg === 'string';
  } catch {
    return false;
  }
}

export const jwt: DataType = {
  id: 'jwt',
  title: 'JSON Web Token',
  family: 'credential',
  sensitivity: 'high',
  fields: [],
  find: [scanner('jwt', 0.95)],
  examples: {
    match: ['Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiI3NyIsInJvbGUiOiJhIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg'],
    ignore: ['eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9', 'a.b.c', 'eyJmb28iOiJiYXIifQ.eyJzdWIiOiI3NyJ9.c2ln'],
  },
};
