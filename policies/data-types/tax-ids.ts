/** Tax numbers of persons and companies with their check digits, one type a country. Where a state taxes by the national id, see that. */
import { digitAt, digitsOf, isDay, isRepeated, isShortDay, luhn, mod1110, weighted } from './checks.js';
import { isBalticCode, isBsn, isCnp, isCodiceFiscale, isCzechBirthNumber, isEgn } from './europe-ids.js';
import { BARE, numbered, SPACED, TELLING } from './government.js';
import type { DataType } from './type.js';

type Entry = readonly [
  region: string,
  country: string,
  fields: string,
  shapes: readonly (readonly [number, ...string[]])[],
  validate: (text: string) => boolean,
  match: string,
  ignore: string,
];
const TIN = 'taxid taxnumber tin taxidentificationnumber taxpayernumber';

/** German steuerliche Identifikationsnummer: one digit of the first ten twice or thrice, the rest once; ISO 7064 MOD 11,10. */
function isSteuerId(text: string): boolean {
  if (!/^[1-9]\d{10}$/.test(text)) return false;
  const counts = new Map<string, number>();
  for (const digit of text.slice(0, 10)) counts.set(digit, (counts.get(digit) ?? 0) + 1);
  const repeated = [...counts.values()].filter((count) => count > 1);
  return repeated.length === 1 && repeated[0] <= 3 && !/(\d)\1\1/.test(text.slice(0, 10)) && mod1110(text);
}
const mod11Check = (digits: string, weights: readonly number[]): number => weighted(digits, weights) % 11;
const luhnOdd = (digits: string): boolean => luhn(digits);
const birth = (d: string): boolean => isShortDay(d.slice(4, 6) + d.slice(2, 4) + d.slice(0, 2));
const isNif = (text: string): boolean => {
  const found = /^([XYZKLM]|\d)?(\d{0,7})([A-Z])$/i.exec(text);
  if (found === null) return false;
  const head = (found[1] ?? '').toUpperCase();
  const number = Number((head === 'Y' ? '1' : head === 'Z' ? '2' : /[XKLM]/.test(head) ? '0' : head) + found[2]);
  return text.length >= 6 && text.length <= 9 && 'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23] === found[3].toUpperCase();
};

const ENTRIES: readonly Entry[] = [
  [
    'ar',
    'Argentinian',
    'cuit cuil',
    [
      [0.7, '99-9{8}-9'],
      [BARE, '9{11}'],
    ],
    (t) => {
      const d = digitsOf(t);
      if (!/^(?:2[03-7]|3[034])\d{9}$/.test(d)) return false;
      const rest = 11 - (weighted(d, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11);
      return (rest === 11 ? 0 : rest === 10 ? 9 : rest) === digitAt(d, 10);
    },
    '{"cuit":"20-12345678-6"}',
    '{"cuit":"20-12345678-7"}',
  ],
  [
    'at',
    'Austrian',
    'steuernummer abgabenkontonummer',
    [
      [SPACED, '99-999/9999'],
      [0.05, '9{9}'],
    ],
    (t) => {
      const d = digitsOf(t);
      if (d.length !== 9 || !/^\d{2}-?\d{3}\/?\d{4}$/.test(t)) return false;
      return luhnOdd(d);
    },
    '{"abgabenkontonummer":"93-173/6581"}',
    '{"abgabenkontonummer":"93-173/6582"}',
  ],
  [
    'be',
    'Belgian',
    'nationaalnummer',
    [[BARE, '9{11}']],
    (t) => {
      if (!/^\d{11}$/.test(t)) return false;
      const check = Number(t.slice(9));
      return (
        ((isDay(1900 + Number(t.slice(0, 2)), Number(t.slice(2, 4)), Number(t.slice(4, 6))) || /^\d\d0000|^\d{4}00/.test(t)) &&
          97 - (Number(t.slice(0, 9)) % 97) === check) ||
        (isDay(2000 + Number(t.slice(0, 2)), Number(t.slice(2, 4)), Number(t.slice(4, 6))) &&
          97 - (Number(`2${t.slice(0, 9)}`) % 97) === check)
      );
    },
    '{"nationaalnummer":"85073003328"}',
    '{"nationaalnummer":"85073003329"}',
  ],
  ['bg', 'Bulgarian', 'edinengrazhdanskinomer', [[BARE, '9{10}']], isEgn, '{"taxId":"7523169263"}', '{"taxId":"7523169264"}'],
  ['ca', 'Canadian', 'sin', [[BARE, '9{9}']], (t) => /^\d{9}$/.test(t) && luhn(t), '{"taxId":"193456787"}', '{"taxId":"193456788"}'],
  [
    'cy',
    'Cypriot',
    '',
    [[SPACED, '9{8}A']],
    (t) => {
      const odd = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21];
      if (!/^[0-9]\d{7}[A-Z]$/i.test(t)) return false;
      let sum = 0;
      for (let i = 0; i < 8; i++) sum += i % 2 === 0 ? odd[digitAt(t, i)] : digitAt(t, i);
      return String.fromCharCode(65 + (sum % 26)) === t[8].toUpperCase();
    },
    '{"taxId":"00123123T"}',
    '{"taxId":"00123123A"}',
  ],
  ['cz', 'Czech', 'dic', [[BARE, '9{9,10}', '999999/9999']], isCzechBirthNumber, '{"taxId":"736028/5163"}', '{"taxId":"736028/5164"}'],
  [
    'de',
    'German',
    'steuerid steueridentifikationsnummer idnr steuerliche identifikationsnummer',
    [
      [BARE, '9{11}'],
      [SPACED, '99 999 999 999'],
    ],
    (t) => isSteuerId(t.replace(/[ /]/g, '')),
    '{"steuerId":"86095742719"}',
    '{"steuerId":"86095742718"}',
  ],
  [
    'dk',
    'Danish',
    'cpr',
    [
      [SPACED, '999999-9999'],
      [BARE, '9{10}'],
    ],
    (t) => {
      const d = digitsOf(t);
      if (!/^\d{6}-?\d{4}$/.test(t) || !birth(d)) return false;
      return weighted(d, [4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0;
    },
    '{"taxId":"0101301591"}',
    '{"taxId":"3201901234"}',
  ],
  ['ee', 'Estonian', 'isikukood', [[BARE, '9{11}']], isBalticCode, '{"taxId":"37605030299"}', '{"taxId":"37605030298"}'],
  ['es', 'Spanish', 'nif', [[0.3, '9{5,8}A', 'A9{7}A']], isNif, '{"nif":"54237A"}', '{"nif":"54237B"}'],
  [
    'fi',
    'Finnish',
    'henkilotunnus',
    [[0.6, '999999-999#', '999999+999#', '999999A999#']],
    (t) =>
      /^\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y]$/i.test(t) &&
      '0123456789ABCDEFHJKLMNPRSTUVWXY'[Number(t.slice(0, 6) + t.slice(7, 10)) % 31] === t[10].toUpperCase() &&
      birth(t),
    '{"taxId":"131052-308T"}',
    '{"taxId":"131052-308A"}',
  ],
  [
    'fr',
    'French',
    'numerofiscal spi',
    [
      [BARE, '9{13}'],
      [SPACED, '99 99 999 999 999'],
    ],
    (t) => {
      const d = digitsOf(t);
      return /^[0-3]\d{12}$/.test(d) && Number(d.slice(0, 10)) % 511 === Number(d.slice(10));
    },
    '{"numeroFiscal":"3023217600053"}',
    '{"numeroFiscal":"3023217600054"}',
  ],
  [
    'gb',
    'British',
    'utr uniquetaxpayerreference',
    [
      [BARE, '9{10}'],
      [0.3, 'AA9{6}A', 'AA9{6}', 'AA9{6} '],
    ],
    (t) => /^\d{10}$/.test(t) || /^(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\d{6}[A-D ]?$/i.test(t),
    '{"utr":"1234567890"}',
    '{"utr":"123456789"}',
  ],
  [
    'gr',
    'Greek',
    'afm',
    [[BARE, '9{9}']],
    (t) => /^\d{9}$/.test(t) && !isRepeated(t) && (weighted(t, [256, 128, 64, 32, 16, 8, 4, 2]) % 11) % 10 === digitAt(t, 8),
    '{"afm":"090000045"}',
    '{"afm":"090000046"}',
  ],
  ['hr', 'Croatian', '', [[BARE, '9{11}']], (t) => /^\d{11}$/.test(t) && mod1110(t), '{"taxId":"33392005961"}', '{"taxId":"33392005962"}'],
  [
    'hu',
    'Hungarian',
    'adoazonosito',
    [[BARE, '9{10}']],
    (t) => /^8\d{9}$/.test(t) && weighted(t, [1, 2, 3, 4, 5, 6, 7, 8, 9]) % 11 === digitAt(t, 9),
    '{"taxId":"8513306282"}',
    '{"taxId":"8071592154"}',
  ],
  [
    'ie',
    'Irish',
    'ppsn',
    [[SPACED, '9{7}A', '9{7}AA']],
    (t) => {
      const code = t.toUpperCase();
      if (!/^\d{7}[A-W][A-IW]?$/.test(code)) return false;
      const extra = code.length === 9 && code[8] !== 'W' ? (code.charCodeAt(8) - 64) * 9 : 0;
      return 'WABCDEFGHIJKLMNOPQRSTUV'[(weighted(code, [8, 7, 6, 5, 4, 3, 2]) + extra) % 23] === code[7];
    },
    '{"taxId":"1234567TW"}',
    '{"taxId":"1234567AW"}',
  ],
  [
    'in',
    'Indian',
    '',
    [[SPACED, 'A{5}9999A']],
    (t) => /^[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]$/.test(t),
    '{"taxId":"AFZPK7190K"}',
    '{"taxId":"AFZPK719K"}',
  ],
  [
    'it',
    'Italian',
    'codicefiscale fiscalcode codfiscale cf',
    [
      [0.85, 'A{6}99A99A999A'],
      [0.4, 'A{6}##A##A###A'],
    ],
    isCodiceFiscale,
    '{"x":"MRTMTT25D09F205Z"}',
    'MRTMTT25D09F205A',
  ],
  ['lt', 'Lithuanian', 'asmenskodas', [[BARE, '9{11}']], isBalticCode, '{"taxId":"38703181745"}', '{"taxId":"38703181746"}'],
  [
    'lu',
    'Luxembourgish',
    'matricule',
    [[0.15, '9{13}']],
    (t) => /^\d{13}$/.test(t) && isDay(Number(t.slice(0, 4)), Number(t.slice(4, 6)), Number(t.slice(6, 8))) && luhn(t.slice(0, 12)),
    '{"taxId":"1893120105732"}',
    '{"taxId":"1893130105732"}',
  ],
  [
    'lv',
    'Latvian',
    'personaskods',
    [
      [0.5, '999999-99999'],
      [BARE, '9{11}'],
    ],
    (t) => {
      const d = digitsOf(t);
      if (!/^\d{6}-?\d{5}$/.test(t)) return false;
      if (d.startsWith('32')) return true;
      return birth(d) && ((1101 - weighted(d, [1, 6, 3, 7, 9, 10, 5, 8, 4, 2])) % 11) % 10 === digitAt(d, 10);
    },
    '{"taxId":"325794-61005"}',
    '{"taxId":"991234-56789"}',
  ],
  [
    'mt',
    'Maltese',
    '',
    [
      [SPACED, '9{7}A'],
      [0.05, '9{9}'],
    ],
    (t) => /^\d{3,7}[APMGLHBZ]$/i.test(t) || (/^[1-8]{2}\d{7}$/.test(t) && t.startsWith(t[0] + t[0])),
    '{"taxId":"1234567A"}',
    '{"taxId":"1234567C"}',
  ],
  ['nl', 'Dutch', 'rsin', [[BARE, '9{9}']], (t) => isBsn(t), '{"rsin":"174559434"}', '{"rsin":"174559435"}'],
  [
    'pl',
    'Polish',
    'nip',
    [
      [SPACED, '999-999-99-99', '999-99-99-999'],
      [BARE, '9{10,11}'],
    ],
    (t) => {
      const d = digitsOf(t);
      if (d.length === 10) return weighted(d, [6, 5, 7, 2, 3, 4, 5, 6, 7]) % 11 === digitAt(d, 9);
      const month = Number(d.slice(2, 4));
      return (
        /^\d{11}$/.test(t) &&
        isShortDay(d.slice(0, 2) + String(month % 20).padStart(2, '0') + d.slice(4, 6)) &&
        month <= 92 &&
        weighted(d, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 === 0
      );
    },
    '{"nip":"526-104-08-28"}',
    '{"nip":"526-104-08-27"}',
  ],
  [
    'pt',
    'Portuguese',
    'nif contribuinte',
    [[BARE, '9{9}']],
    (t) => {
      if (!/^[1-35689]\d{8}$/.test(t)) return false;
      const rest = 11 - mod11Check(t, [9, 8, 7, 6, 5, 4, 3, 2]);
      return (rest > 9 ? 0 : rest) === digitAt(t, 8);
    },
    '{"contribuinte":"501964843"}',
    '{"contribuinte":"501964844"}',
  ],
  [
    'ro',
    'Romanian',
    'cif',
    [[BARE, '9{13}']],
    (t) => isCnp(t) || /^9000\d{9}$/.test(t),
    '{"taxId":"1800101221144"}',
    '{"taxId":"1800101221145"}',
  ],
  [
    'se',
    'Swedish',
    'samordningsnummer',
    [
      [0.45, '999999-9999', '999999+9999', '99999999-9999'],
      [BARE, '9{10}', '9{12}'],
    ],
    (t) => {
      const found = /^(?:19|20)?(\d{6})[-+]?(\d{4})$/.exec(t);
      if (found === null) return false;
      const day = Number(found[1].slice(4)) % 60;
      return isShortDay(found[1].slice(0, 4) + String(day).padStart(2, '0')) && luhn(found[1] + found[2]);
    },
    '{"taxId":"640823-3234"}',
    '{"taxId":"640823-3235"}',
  ],
  [
    'si',
    'Slovenian',
    'davcnastevilka',
    [[BARE, '9{8}']],
    (t) => {
      if (!/^[1-9]\d{7}$/.test(t)) return false;
      const rest = 11 - mod11Check(t, [8, 7, 6, 5, 4, 3, 2]);
      return (rest === 10 ? 0 : rest) === digitAt(t, 7);
    },
    '{"taxId":"15012557"}',
    '{"taxId":"15012558"}',
  ],
  [
    'sk',
    'Slovak',
    'rodnecislo',
    [[BARE, '9{9,10}']],
    (t) => /^\d{10}$/.test(t) || isCzechBirthNumber(t),
    '{"taxId":"1234567890"}',
    '{"taxId":"12345"}',
  ],
  [
    'ua',
    'Ukrainian',
    'rnokpp ipn',
    [[BARE, '9{10}']],
    (t) => /^\d{10}$/.test(t) && (((weighted(t, [-1, 5, 7, 9, 4, 6, 10, 5, 7]) % 11) + 11) % 11) % 10 === digitAt(t, 9),
    '{"rnokpp":"3184710691"}',
    '{"rnokpp":"3184710692"}',
  ],
  [
    'ph',
    'Philippine',
    'tin tinnumber',
    [[SPACED, '999-999-999-999', '999-999-999']],
    (t) => /^\d{3}-\d{3}-\d{3}(?:-\d{3,5})?$/.test(t) && weighted(digitsOf(t), [9, 8, 7, 6, 5, 4, 3, 2]) % 11 === digitAt(digitsOf(t), 8),
    '{"tin":"754-871-733-000"}',
    '{"tin":"000-000-001-000"}',
  ],
];

export const taxIds: readonly DataType[] = ENTRIES.map(([region, country, fields, shapes, validate, match, ignore]) =>
  numbered({
    id: `tax_id_${region}`,
    title: `${country} tax number`,
    region,
    family: 'tax',
    fields: [...new Set([...fields.split(' ').filter((word) => word !== ''), ...TIN.split(' ')])],
    words: ['tax'],
    shapes,
    validate,
    match: [match],
    ignore: [ignore],
    hinted: 0.8,
  }),
);

/** German Steuernummer: the number of a tax office and a district; three spellings, with a two-digit state in the federal one. */
export const deTaxNumber = numbered({
  id: 'de_tax_number',
  title: 'German tax office number (Steuernummer)',
  region: 'de',
  family: 'tax',
  fields: ['steuernummer', 'stnr', 'steuernr'],
  shapes: [
    [TELLING, '99/999/99999', '999/999/99999', '999/9999/9999', '99/999/9999', '99/9999/9999'],
    [0.3, '9{13}'],
  ],
  validate: (text) =>
    /^\d{2,3}\/\d{3,4}\/\d{4,5}$/.test(text) ||
    /^(?:0[1-9]|1[0-2]|[1-3]\d|4[01]|5\d)\d{2}0\d{8}$/.test(text) ||
    /^(?:10|11|2[1-9]|3[0-2]|4[01]|5|9)\d{2}0\d{8}$/.test(text) ||
    /^0[1-9]\d{11}$/.test(text),
  match: ['{"x":"93/815/08152"}', 'Steuernummer 181/815/08155'],
  ignore: ['93/815', '0081508150001'],
});
