import { digitsOf } from './checks.js';
import { type DataType, expandShape, field, shape } from './type.js';

/**
 * Outlines of passport numbers by issuing state, from the EU's PRADO register of documents and the states' own pages. `A` is a letter, `9` a
 * digit; literal letters are what the series begins with.
 */
const OUTLINES: Readonly<Record<string, string>> = {
  am: 'AA9{7}',
  ar: 'AAA9{6}',
  at: 'A9{7}|A 9{7}',
  au: 'A9{7}|AA9{7}',
  az: 'A9{7,8}',
  be: 'AA9{6}',
  bg: '9{9}',
  br: 'AA9{6}',
  by: 'AA9{7}',
  ca: 'AA9{6}|A9{6}AA',
  ch: 'A9{7}',
  cn: 'A9{8}|AA9{7}',
  cy: 'A9{6,8}',
  cz: '9{8}',
  de: 'A########',
  dk: '9{9}',
  dz: '9{9}',
  ee: 'A9{7}|AA9{7}',
  es: 'AA9{6}|AAA9{6}',
  fi: 'AA9{7}',
  fr: '99AA9{5}',
  gb: '9{9}|AA9{7}',
  gr: 'AA9{7}',
  hr: '9{9}',
  hu: 'AA9{6,7}',
  id: 'A9{7}',
  ie: 'AA9{7}|A9{8}',
  in: 'A9{7}|A-9{7}',
  ir: 'A9{8}',
  is: 'A9{7}',
  it: 'AA9{7}',
  jm: 'A9{7}',
  jp: 'AA9{7}',
  kr: 'A9{8}|A999A9999',
  kz: 'A9{7,8}',
  li: 'A9{5}',
  lt: '########',
  lu: '########',
  lv: '##9{7}',
  ly: '########',
  mt: '9{7}',
  mx: 'A9{8,9}|9{10}',
  my: 'A9{8}',
  mz: 'AA9{7}|99AA9{5}',
  nl: 'AA######9|AA#######|AA9{7}',
  no: 'A9{7}|9{8}',
  nz: 'AA9{6}|A9{6}',
  ph: 'A9{6}A|AA9{6,7}|A9{7}A',
  pk: 'AA9{7}',
  pl: 'AA9{7}|AA 9{7}',
  pt: 'A9{6}|AA9{6}',
  ro: '9{8,9}',
  ru: '9{9}',
  se: '9{8}',
  sg: 'A9{7}A',
  sk: '##9{7}',
  sl: 'AA9{7}',
  th: 'A9{6,7}|AA9{6,7}',
  tr: 'A9{8}|A 9{8}',
  ua: 'AA9{6}',
  us: '9{9}|A9{8}',
  za: 'A9{8}',
};
const ALL = [...new Set(Object.values(OUTLINES).flatMap((outlines) => outlines.split('|')))];
const TELLING = ALL.filter((outline) => !outline.startsWith('9{') && !outline.startsWith('#'));
const DIGITS = ALL.filter((outline) => outline.startsWith('9{'));
const MIXED = ALL.filter((outline) => outline.startsWith('#'));

const known = new Set(ALL.flatMap(expandShape));
/** Has it the outline of some state's passport numbers? */
export function isPassport(text: string): boolean {
  if (text.length > 12 || digitsOf(text).length < 3) return false;
  const outline = text.replace(/[A-Za-z]/g, 'A').replace(/\d/g, '9');
  return known.has(outline) || /^[A-Z0-9]{8,9}$/.test(text);
}

export const passport: DataType = {
  id: 'passport',
  title: 'Passport number',
  family: 'government-id',
  sensitivity: 'high',
  fields: [
    'passport',
    'passportnumber',
    'passportno',
    'passportid',
    'reisepass',
    'reisepassnummer',
    'passnr',
    'passnummer',
    'passeport',
    'pasaporte',
    'numeropasaporte',
    'passaporto',
    'passaporte',
    'traveldocument',
    'traveldocumentnumber',
    'documentnumber',
  ],
  words: ['travel document', 'passport'],
  find: [shape(0.3, ...TELLING), shape(0.1, ...DIGITS, ...MIXED), field],
  hinted: 0.85,
  validate: isPassport,
  keep: { last: 2 },
  examples: {
    match: ['{"passportNumber":"C01X00T47"}', 'passport no. XY1234567', '{"passport":{"number":"123456789"}}'],
    ignore: ['{"passport":"valid"}', '{"sku":"XY1234567"}', '123456789'],
    candidate: ['XY1234567', '12AB34567'],
  },
};
