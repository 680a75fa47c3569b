import { type AsnResponse, type CountryResponse, open, type Reader } from 'maxmind';
import { attackersError } from './errors.js';

/** Where an address is, by the operator's own databases. Null: not known, or no database of that kind. */
export interface GeoReader {
  /** Which of the two databases there are. */
  readonly knows: { readonly country: boolean; readonly asn: boolean };
  /** ISO 3166-1, upper case. */
  country(ip: string): string | null;
  asn(ip: string): number | null;
}

/** Opens MaxMind databases (GeoLite2 or GeoIP2, country and ASN; each optional) into memory. Throws WeirError GEO_DATABASE. */
export async function openGeo(files: { readonly country?: string; readonly asn?: string }): Promise<GeoReader> {
  const countries = files.country === undefined ? null : await read<CountryResponse>(files.country);
  const networks = files.asn === undefined ? null : await read<AsnResponse>(files.asn);
  return {
    knows: { country: countries !== null, asn: networks !== null },
    country: (ip) => countries?.get(ip)?.country?.iso_code ?? null,
    asn: (ip) => networks?.get(ip)?.autonomous_system_number ?? null,
  };
}

async function read<T extends CountryResponse | AsnResponse>(file: string): Promise<Reader<T>> {
  try {
    return await open<T>(file);
  } catch (cause) {
    throw attackersError('GEO_DATABASE', `${file} cannot be used as a MaxMind database`, cause);
  }
}
