/** Trailer fields as undici gives them (HTTP/1.1: flat; HTTP/2: by name), flat. */
export function trailerList(raw: string[] | Buffer[] | Record<string, string> | null): string[] {
  if (raw === null || (Array.isArray(raw) && raw.length === 0)) return [];
  if (Array.isArray(raw)) return raw.map((one) => one.toString('latin1'));
  return Object.entries(raw)
    .filter(([name]) => !name.startsWith(':'))
    .flatMap(([name, value]) => [value].flat().flatMap((one) => [name, String(one)]));
}

/** Trailers as an object, which HTTP/1.1 and HTTP/2 responses both take; repeated names become arrays. */
export function trailersByName(list: readonly string[]): Record<string, string[]> {
  const out: Record<string, string[]> = {};
  for (let index = 0; index < list.length; index += 2) {
    out[list[index]] ??= [];
    out[list[index]].push(list[index + 1]);
  }
  return out;
}
