import metadata from 'libphonenumber-js/min/metadata';
import { digitsOf, isRepeated } from './checks.js';
import { isDomain } from './network.js';
import { type DataType, scanner, shape, whole } from './type.js';

/** RFC 5321 addr-spec as it is used: dot-atom local part of at most 64 octets (UTF-8 allowed, RFC 6531), host name with a top-level domain. */
export function isEmail(text: string): boolean {
  const at = text.lastIndexOf('@');
  const local = text.slice(0, at);
  return (
    at > 0 &&
    Buffer.byteLength(local) <= 64 &&
    /^[\w!#$%&'*+/=?^`{|}~\u0080-\uffff-]+(?:\.[\w!#$%&'*+/=?^`{|}~\u0080-\uffff-]+)*$/.test(local) &&
    isDomain(text.slice(at + 1))
  );
}

export const email: DataType = {
  id: 'email',
  title: 'E-mail address',
  family: 'contact',
  sensitivity: 'medium',
  fields: ['email', 'emailaddress', 'mail', 'useremail', 'contactemail', 'emails'],
  find: [scanner('email', 0.95), whole],
  validate: isEmail,
  keep: { first: 2, domain: true },
  examples: {
    match: ['write to jane.doe+x@example.co.uk.', '{"a":"jane\\u0040example.com"}', 'mailto:jo@example.org'],
    ignore: ['jane@localhost', 'a@b', '@example.com', 'jane..doe@example.com', 'user@example.c'],
  },
};

type Plan = { readonly code: string; readonly pattern: RegExp; readonly lengths: ReadonlySet<number>; readonly trunk: string };
/** Numbering plans by ISO country: what libphonenumber's metadata says about a national number. */
const PLANS: readonly Plan[] = Object.values(metadata.countries).map((country) => ({
  code: String(country[0]),
  pattern: new RegExp(`^(?:${country[2]})$`),
  lengths: new Set(country[3] as unknown[] as number[]),
  trunk: typeof country[5] === 'string' ? country[5] : '',
}));
const BY_CODE = new Map<string, Plan[]>();
for (const plan of PLANS) BY_CODE.set(plan.code, [...(BY_CODE.get(plan.code) ?? []), plan]);

/** Plans whose numbers, with or without trunk prefix, may have so many digits. */
const BY_LENGTH: readonly (readonly Plan[])[] = Array.from({ length: 14 }, (_, length) =>
  PLANS.filter(({ lengths, trunk }) => lengths.has(length) || (trunk !== '' && lengths.has(length - trunk.length))),
);

const fits = (plan: Plan, national: string): boolean => {
  if (plan.lengths.has(national.length) && plan.pattern.test(national)) return true;
  if (plan.trunk === '' || !national.startsWith(plan.trunk)) return false;
  const rest = national.slice(plan.trunk.length);
  return plan.lengths.has(rest.length) && plan.pattern.test(rest);
};

/** Digits that begin with a calling code and go on as that country's plan says (ITU-T E.164). */
export function isInternational(digits: string): boolean {
  if (digits.length < 7 || digits.length > 15 || digits.startsWith('0')) return false;
  for (let length = 1; length <= 3; length++) {
    const plans = BY_CODE.get(digits.slice(0, length));
    if (plans?.some((plan) => fits(plan, digits.slice(length))) === true) return true;
  }
  return false;
}

/** A known calling code and a plausible length: numbers that a plan has given up, or has not published yet. */
export function isPossibleInternational(digits: string): boolean {
  if (digits.length < 8 || digits.length > 15 || digits.startsWith('0')) return false;
  return [1, 2, 3].some((length) => BY_CODE.has(digits.slice(0, length)));
}

/** A national number of any country, with or without its trunk prefix. */
export const isNational = (digits: string): boolean =>
  digits.length >= 6 && digits.length <= 13 && BY_LENGTH[digits.length].some((plan) => fits(plan, digits));

/** North American number in one of its usual spellings: area and exchange do not begin with 0 or 1. */
export function isNanp(text: string): boolean {
  const digits = digitsOf(text);
  const national = digits.length === 11 && digits.startsWith('1') ? digits.slice(1) : digits;
  return (
    /^[2-9]\d\d[2-9]\d{6}$/.test(national) &&
    !/^(\d)\1+$/.test(national) &&
    /^(?:\+?1[-. ]?)?\(?\d{3}\)?[-. ]{0,2}\d{3}[-. ]?\d{4}$/.test(text)
  );
}

/** Does this text spell a telephone number: E.164 with `+` or `00`, else a national number of some country? */
export function isPhone(text: string): boolean {
  if (!/^\+?[\d(][\d .()/-]{4,26}$/.test(text) || /[-./(]{2}|[-./ (]$/.test(text)) return false;
  const digits = digitsOf(text.replace(/\(0\)/, ''));
  if (digits.length < 6 || isRepeated(digits)) return false;
  if (text.startsWith('+')) return isInternational(digits);
  if (digits.startsWith('00')) return isInternational(digits.slice(2));
  return isNational(digits) || isInternational(digits);
}

const PHONE_FIELDS =
  'phone phonenumber telephone telephonenumber tel mobile mobilenumber mobilephone cell cellphone cellnumber msisdn fax faxnumber contactnumber homephone workphone phoneno telefon telefonnummer handy handynummer telefono telephonenumero portable celular numerodetelefono telefone telefoon whatsapp'.split(
    ' ',
  );

export const phone: DataType = {
  id: 'phone',
  title: 'Telephone number',
  family: 'contact',
  sensitivity: 'medium',
  fields: PHONE_FIELDS,
  words: ['call', 'sms', 'dial', 'number is', 'reach me', 'cell', 'numaram'],
  find: [
    scanner('phone', 0.8),
    whole,
    shape(0.55, '999-999-9999', '9-999-999-9999'),
    shape(
      0.35,
      '999.999.9999',
      '999 999 9999',
      '9999 9999 9999',
      '999 9999 9999',
      '99 9999 9999',
      '99 99 99 99 99',
      '9999 999 999',
      '999 999 99 99',
      '9999 999 99 99',
    ),
    shape(
      0.1,
      '9{6,15}',
      '9{2,4}[- ]9{5,9}',
      '9{1,4}[- .]9{2,4}[- .]9{3,4}',
      '9{1,4}[- .]9{2,4}[- .]9{2,4}[- .]9{2,4}',
      '99 99 99 99',
      '999 99 99 99',
    ),
  ],
  hinted: 0.85,
  validate: (text) =>
    isPhone(text) || (text.startsWith('+') && /^\+\d[\d .()/-]{6,24}\d$/.test(text) && isPossibleInternational(digitsOf(text))),
  keep: { last: 2 },
  examples: {
    match: ['call +44 20 7946 0958', '(415) 555-2671', '{"phone":"030 1234567"}', '{"mobile":"+4915112345678"}', '415-555-2671'],
    ignore: ['+1 23', '{"id":"4155552671"}', '2024-01-02', '+999 123 456 789', '(12) items'],
    candidate: ['0417123456'],
  },
};
