import { hash, verify } from '@node-rs/argon2';

/** Argon2id with OWASP's 2023 parameters: 19 MiB, two passes. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

export const hashPassword = (password: string): Promise<string> => hash(password, COST);

let nobody: Promise<string> | null = null;

/** Takes as long for an unknown user as for a known one. */
export async function passwordFits(passwordHash: string | null, password: string): Promise<boolean> {
  nobody ??= hashPassword('nobody');
  const fits = await verify(passwordHash ?? (await nobody), password).catch(() => false);
  return fits && passwordHash !== null;
}
