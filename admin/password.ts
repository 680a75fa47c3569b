/** Argon2id with OWASP's 2023 parameters: 19 MiB, two passes. */
const COST = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };

/** Loaded when the first password comes: a native addon that a start need not wait for. */
const argon2 = () => import('@node-rs/argon2');

export const hashPassword = async (password: string): Promise<string> => (await argon2()).hash(password, COST);

let nobody: Promise<string> | null = null;

/** Takes as long for an unknown user as for a known one. */
export async function passwordFits(passwordHash: string | null, password: string): Promise<boolean> {
  nobody ??= hashPassword('nobody');
  const fits = await (await argon2()).verify(passwordHash ?? (await nobody), password).catch(() => false);
  return fits && passwordHash !== null;
}
