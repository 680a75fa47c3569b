import { compact, digitsOf, mod97, weighted } from './checks.js';
import { type DataType, shape } from './type.js';

/** Account structures (BBAN) of the SWIFT IBAN registry, release 99, and of the countries that use the format outside it. `n` digits, `a` letters, `c` either. */
const STRUCTURES =
  'AD8n12c AE19n AL8n16c AO21n AT16n AZ4a20c BA16n BE12n BF2c22n BG4a6n8c BH4a14c BI23n BJ2c22n BR23n1a1c BY4c4n16c CF23n CG23n CH5n12c CI2c22n CM23n CR18n CV21n CY8n16c CZ20n DE18n DJ23n DK14n DO4c20n DZ22n EE16n EG25n ES20n FI14n FK2a12n FO14n FR10n11c2n GA23n GB4a14n GE2a16n GI4a15c GL14n GQ23n GR7n16c GT4c20c GW2c19n HN4a20n HR17n HU24n IE4a14n IL19n IQ4a15n IR22n IS22n IT1a10n12c JO4a4n18c KM23n KW4a22c KZ3n13c LB4n20c LC4a24c LI5n12c LT16n LU3n13c LV4a13c LY21n MA24n MC10n11c2n MD2c18c ME18n MG23n MK3n10c2n ML2c22n MN16n MR23n MT4a5n18c MU4a19n3a MZ21n NE2a22n NI4a20n NL4a10n NO11n OM3n16c PK4a16c PL24n PS4a21c PT21n QA4a21c RO4a16c RS18n RU14n15c SA2n18c SC4a20n3a SD14n SE20n SI15n SK20n SM1a10n12c SN2c22n SO19n ST21n SV4a20n TD23n TG2c22n TL19n TN20n TR5n17c UA6n19c VA18n VG4a16n XK16n YE4a4n18c';
const FORMS = new Map<string, RegExp>(
  STRUCTURES.split(' ').map((entry) => [
    entry.slice(0, 2),
    new RegExp(
      `^[A-Z]{2}\\d\\d${entry.slice(2).replace(/(\d+)([nac])/g, (_all, count: string, kind: string) => `${kind === 'n' ? '\\d' : kind === 'a' ? '[A-Z]' : '[A-Z0-9]'}{${count}}`)}$`,
    ),
  ]),
);

/** International bank account number, ISO 13616: structure of the country and check digits by MOD 97-10. Electronic form or groups of four, upper case. */
export function isIban(text: string): boolean {
  if (/[^A-Z0-9 -]/.test(text)) return false;
  const number = text.replace(/[ -]/g, '');
  return FORMS.get(number.slice(0, 2))?.test(number) === true && mod97(number.slice(4) + number.slice(0, 4)) === 1;
}

export const iban: DataType = {
  id: 'iban',
  title: 'International bank account number',
  family: 'payment',
  sensitivity: 'high',
  fields: ['iban', 'ibannumber', 'bankaccount', 'kontonummer', 'internationalbankaccountnumber'],
  find: [{ by: 'run', min: 15, max: 33, start: 'AA99', grouped: true, alone: 0.95 }],
  hinted: 0.98,
  validate: isIban,
  keep: { first: 2, last: 4 },
  examples: {
    match: ['DE89370400440532013000', 'send it to GB82 WEST 1234 5698 7654 32 today', '{"account":"FR1420041010050500013M02606"}'],
    ignore: ['DE89370400440532013001', 'XX89370400440532013000', 'GB82 WEST 1234 5698 7654 33', 'gb82west12345698765432'],
  },
};

/** ABA routing number: prefix of a Federal Reserve district, weights 3 7 1. */
export function isAbaRouting(text: string): boolean {
  const digits = digitsOf(text);
  if (digits.length !== 9) return false;
  const district = Number(digits.slice(0, 2));
  return (
    (district <= 12 ? district > 0 : (district >= 21 && district <= 32) || (district >= 61 && district <= 72) || district === 80) &&
    weighted(digits, [3, 7, 1, 3, 7, 1, 3, 7, 1]) % 10 === 0
  );
}

export const abaRouting: DataType = {
  id: 'aba_routing',
  title: 'US bank routing number (ABA)',
  family: 'payment',
  sensitivity: 'medium',
  region: 'us',
  fields: ['routing', 'routingnumber', 'aba', 'abanumber', 'abarouting', 'routingtransitnumber', 'rtn', 'bankrouting', 'transitnumber'],
  find: [shape(0.3, '9999-9999-9'), shape(0.1, '9{9}')],
  validate: isAbaRouting,
  examples: {
    match: ['{"routing_number":"021000021"}', 'routing number 011401533'],
    ignore: ['{"routing_number":"021000022"}', '{"reference":"021000021"}', 'ref 021000021'],
    candidate: ['021000021'],
  },
};

export const usBankAccount: DataType = {
  id: 'us_bank_account',
  title: 'Bank account number',
  family: 'payment',
  sensitivity: 'high',
  fields: [
    'bankaccountnumber',
    'accountnumber',
    'acctnumber',
    'accountno',
    'acctno',
    'checkingaccount',
    'savingsaccount',
    'bankacct',
    'bban',
    'bankaccountno',
  ],
  words: ['bank account', 'checking account', 'savings account', 'account number'],
  find: [shape(0.05, '9{8,17}')],
  hinted: 0.7,
  validate: (text) => /^\d{8,17}$/.test(text) && !/^(\d)\1+$/.test(text),
  keep: { last: 4 },
  examples: {
    match: ['{"accountNumber":"000123456789"}', 'my bank account is 945456787654'],
    ignore: ['{"accountNumber":"none"}', '{"total":"000123456789"}', '945456787654'],
  },
};

export const ukSortCode: DataType = {
  id: 'uk_sort_code',
  title: 'UK bank sort code',
  family: 'payment',
  sensitivity: 'low',
  region: 'gb',
  fields: ['sortcode', 'banksortcode'],
  find: [shape(0.1, '99-99-99')],
  validate: (text) => /^\d\d[- ]?\d\d[- ]?\d\d$/.test(text),
  examples: { match: ['{"sort_code":"20-00-00"}', 'sort code 12-34-56'], ignore: ['20-00-00', '{"sort_code":"asc"}'] },
};

/** Indian Financial System Code: bank, a zero, branch. */
export const ifsc: DataType = {
  id: 'in_ifsc',
  title: 'Indian bank branch code (IFSC)',
  family: 'payment',
  sensitivity: 'low',
  region: 'in',
  fields: ['ifsc', 'ifsccode'],
  find: [shape(0.3, 'AAAA9#{6}')],
  validate: (text) => /^[A-Z]{4}0[A-Z0-9]{6}$/.test(text),
  examples: { match: ['{"ifsc":"SBIN0005943"}', 'IFSC code HDFC0001234'], ignore: ['{"ifsc":"SBIN1005943"}', '{"sku":"ABCD0123456"}'] },
};

const COUNTRIES =
  'AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW';
/** ISO 3166 alpha-2 codes in use, and XK. */
export const isCountry = (code: string): boolean => code.length === 2 && COUNTRIES.includes(code);

export const bic: DataType = {
  id: 'bic',
  title: 'Bank identifier code (BIC, SWIFT)',
  family: 'payment',
  sensitivity: 'low',
  fields: ['bic', 'swift', 'swiftcode', 'biccode', 'swiftbic'],
  find: [shape(0.15, 'A{6}##', 'A{6}#{5}')],
  validate: (text) => /^[A-Za-z]{6}[A-Za-z0-9]{2}(?:[A-Za-z0-9]{3})?$/.test(text) && isCountry(text.slice(4, 6).toUpperCase()),
  examples: {
    match: ['{"bic":"DEUTDEFF"}', '{"swiftCode":"NEDSZAJJXXX"}'],
    ignore: ['{"bic":"DEUTXXFF"}', 'DEUTDEFF', '{"word":"ABSOLUTE"}'],
    candidate: ['NEDSZAJJ'],
  },
};

/** International securities identification number, ISO 6166: Luhn over the digits that letters stand for. */
export const isin: DataType = {
  id: 'isin',
  title: 'Securities identification number (ISIN)',
  family: 'payment',
  sensitivity: 'low',
  fields: ['isin'],
  find: [{ by: 'run', min: 12, max: 12, start: 'AA', alone: 0.4 }],
  validate: (text) => {
    if (!/^[A-Z]{2}[A-Z0-9]{9}\d$/.test(text) || !(isCountry(text.slice(0, 2)) || /^(?:XS|EU|XA|XB|XC|XD)/.test(text))) return false;
    const digits = compact(text).replace(/[A-Z]/g, (letter) => String(letter.charCodeAt(0) - 55));
    let sum = 0;
    for (let i = digits.length - 1, double = false; i >= 0; i--, double = !double) {
      const digit = Number(digits[i]);
      sum += double ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
    }
    return sum % 10 === 0;
  },
  examples: {
    match: ['{"isin":"US0378331005"}', 'ISIN AU0000XVGZA3'],
    ignore: ['{"isin":"US0378331006"}', '{"isin":"QQ0378331005"}'],
    candidate: ['US0378331005'],
  },
};
