/** The data types weir knows. One file holds one type or a tight family of them; the list here is the only registration. */
import { cardExpiry, cardSecurityCode, creditCard, magneticStripe } from './cards.js';
import { email, phone } from './contact.js';
import { abaRouting, bic, iban, ifsc, isin, ukSortCode, usBankAccount } from './iban.js';
import { jwt } from './jwt.js';
import { cidr, domainName, ipv4, ipv6, mac, url } from './network.js';
import type { DataType } from './type.js';

export { isCard } from './cards.js';
export { compact, digitsOf, luhn, mod97, verhoeff } from './checks.js';
export { isEmail, isNanp, isPhone } from './contact.js';
export { isIban } from './iban.js';
export { isJwtHeader } from './jwt.js';
export { isCredentialHost, isDomain, isIpv4, isIpv6 } from './network.js';
export { type Alphabet, type DataType, expandShape, type Family, type Find, type ScannerName, type Sensitivity } from './type.js';

/** Every built-in data type, in the order of the reference. */
export const dataTypes: readonly DataType[] = [
  creditCard,
  cardSecurityCode,
  cardExpiry,
  magneticStripe,
  iban,
  abaRouting,
  usBankAccount,
  ukSortCode,
  ifsc,
  bic,
  isin,
  email,
  phone,
  jwt,
  ipv4,
  ipv6,
  cidr,
  mac,
  url,
  domainName,
];
