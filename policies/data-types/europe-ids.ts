/** Numbers that European states give to persons, with their check digits. Germany, the United Kingdom and the north have files of their own. */
import { compact, digitAt, digitsOf, isDay, isRepeated, isShortDay, luhn, mod1110, weighted } from './checks.js';
import { BARE, numbered, SPACED, TELLING } from './government.js';

const DNI = 'TRWAGMYFPDXBNJZSQVHLCKE';
const isNie = (text: string): boolean => {
  const found = /^([XYZ])-?(\d{7,8})-?([A-Z])$/i.exec(text);
  return found !== null && DNI[Number('XYZ'.indexOf(found[1].toUpperCase()) + found[2]) % 23] === found[3].toUpperCase();
};
const isNif = (text: string): boolean => {
  const found = /^(\d{7,8})[- ]?([A-Z])$/i.exec(text);
  return found !== null && DNI[Number(found[1]) % 23] === found[2].toUpperCase();
};
export const esNif = numbered({
  id: 'es_nif',
  title: 'Spanish identity number (DNI, NIF)',
  region: 'es',
  fields: ['dni', 'nif', 'dninumber', 'documentonacional', 'documento', 'numerodni'],
  shapes: [
    [TELLING, '9{8}A', '9{8}-A'],
    [SPACED, '9{7}A', '9{7}-A', '9{8} A'],
  ],
  validate: isNif,
  match: ['{"x":"12345678Z"}', 'DNI 12345678-Z'],
  ignore: ['12345678A', '{"sku":"12345678B"}'],
});
export const esNie = numbered({
  id: 'es_nie',
  title: 'Spanish number of foreigners (NIE)',
  region: 'es',
  fields: ['nie', 'numerodeextranjero', 'nienumber'],
  shapes: [[TELLING, 'A9{7}A', 'A-9{7}-A', 'A9{7}-A']],
  validate: isNie,
  match: ['{"x":"X1234567L"}', 'NIE Y-1234567-X'],
  ignore: ['X1234567A', 'W1234567L'],
});

export const nationalIdPl = numbered({
  id: 'national_id_pl',
  title: 'Polish PESEL',
  region: 'pl',
  fields: ['pesel', 'numerpesel', 'peselnumber'],
  shapes: [[BARE, '9{11}']],
  validate: (text) => {
    if (!/^\d{11}$/.test(text)) return false;
    const month = Number(text.slice(2, 4)) % 20;
    const century = [1900, 2000, 2100, 2200, 1800][Math.floor(Number(text.slice(2, 4)) / 20)];
    return (
      isDay(century + Number(text.slice(0, 2)), month, Number(text.slice(4, 6))) &&
      weighted(text, [1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]) % 10 === 0
    );
  },
  match: ['{"pesel":"44051401359"}', 'PESEL: 44051401359'],
  ignore: ['44051401359', '{"pesel":"44051401358"}', '{"pesel":"44151401359"}'],
  candidate: ['44051401359'],
});

/** Dutch citizen service number: the eleven test. */
export const isBsn = (digits: string): boolean =>
  /^\d{9}$/.test(digits) && !isRepeated(digits) && weighted(digits, [9, 8, 7, 6, 5, 4, 3, 2, -1]) % 11 === 0;
export const nationalIdNl = numbered({
  id: 'national_id_nl',
  title: 'Dutch citizen service number (BSN)',
  region: 'nl',
  fields: ['bsn', 'burgerservicenummer', 'sofinummer', 'bsnnummer'],
  shapes: [
    [BARE, '9{9}'],
    [0.2, '9999.99.999', '999.999.999'],
  ],
  validate: (text) => isBsn(text.replaceAll('.', '')),
  match: ['{"bsn":"111222333"}', 'BSN 123456782'],
  ignore: ['111222333', '{"bsn":"111222334"}'],
  candidate: ['111222333'],
});

export const nationalIdBe = numbered({
  id: 'national_id_be',
  title: 'Belgian national register number',
  region: 'be',
  fields: ['rijksregisternummer', 'numeronational', 'registrenational', 'nrn', 'insz', 'niss', 'nationalregisternumber'],
  shapes: [
    [0.8, '99.99.99-999.99'],
    [BARE, '9{11}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    if (d.length !== 11) return false;
    const check = Number(d.slice(9));
    return (
      [d.slice(0, 9), `2${d.slice(0, 9)}`].some((number) => 97 - (Number(number) % 97) === check) &&
      Number(d.slice(2, 4)) <= 12 &&
      Number(d.slice(4, 6)) <= 31
    );
  },
  match: ['{"x":"85.07.30-033.28"}', '{"rijksregisternummer":"85073003328"}'],
  ignore: ['85.07.30-033.29', '85073003328'],
});

export const nationalIdFr = numbered({
  id: 'national_id_fr',
  title: 'French social security number (NIR)',
  region: 'fr',
  fields: ['nir', 'numerosecu', 'numerodesecuritesociale', 'securitesociale', 'nss', 'numerosecuritesociale', 'insee'],
  words: ['securite sociale', 'numéro de sécurité sociale'],
  shapes: [
    [0.8, '9 99 99 99 999 999 99', '9 99 99 #9 999 999 99'],
    [0.3, '9{15}', '9{5}99A9{7,8}', '9{5}9A9{8}'],
  ],
  validate: (text) => {
    const number = compact(text).replace('2A', '19').replace('2B', '18');
    if (!/^[12378]\d{14}$/.test(number)) return false;
    const month = Number(number.slice(3, 5));
    return ((month >= 1 && month <= 12) || month >= 20) && Number(97n - (BigInt(number.slice(0, 13)) % 97n)) === Number(number.slice(13));
  },
  match: ['{"x":"2 55 08 14 168 025 38"}', '{"nir":"255081416802538"}'],
  ignore: ['2 55 08 14 168 025 39', '{"id":255081416802538}'],
});

const ODD: Readonly<Record<string, number>> = Object.fromEntries(
  [...'0123456789']
    .map((d, i) => [d, [1, 0, 5, 7, 9, 13, 15, 17, 19, 21][i]])
    .concat(
      [...'ABCDEFGHIJKLMNOPQRSTUVWXYZ'].map((l, i) => [
        l,
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23][i],
      ]),
    ),
);
/** Italian fiscal code: name letters, birth date with coded month, place, check letter (D.M. 23 December 1976). */
export function isCodiceFiscale(text: string): boolean {
  const code = text.toUpperCase();
  if (!/^[A-Z]{6}[0-9LMNPQRSTUV]{2}[ABCDEHLMPRST][0-9LMNPQRSTUV]{2}[A-Z][0-9LMNPQRSTUV]{3}[A-Z]$/.test(code)) return false;
  const plain = code.replace(/[LMNPQRSTUV]/g, (letter, at: number) =>
    [6, 7, 9, 10, 12, 13, 14].includes(at) ? String('LMNPQRSTUV'.indexOf(letter)) : letter,
  );
  const day = Number(plain.slice(9, 11)) % 40;
  const month = 'ABCDEHLMPRST'.indexOf(plain[8]) + 1;
  const year = Number(plain.slice(6, 8));
  if (!isDay(1900 + year, month, day) && !isDay(2000 + year, month, day)) return false;
  let sum = 0;
  for (let i = 0; i < 15; i++) sum += i % 2 === 0 ? ODD[code[i]] : /\d/.test(code[i]) ? Number(code[i]) : code.charCodeAt(i) - 65;
  return String.fromCharCode(65 + (sum % 26)) === code[15];
}
export const nationalIdIt = numbered({
  id: 'national_id_it',
  title: 'Italian identity card number',
  region: 'it',
  fields: ['cartaidentita', 'numerocartaidentita', 'identitycard', 'cie'],
  words: ['carta d identita', 'carta identita'],
  shapes: [
    [SPACED, 'AA9{5}AA'],
    [0.3, 'AA9{7}', '9{7}AA'],
  ],
  validate: (text) => /^(?:[A-Z]{2}\d{5}[A-Z]{2}|[A-Z]{2} ?\d{7}|\d{7}[A-Z]{2})$/i.test(text),
  match: ['{"carta_identita":"CA12345BC"}', 'carta identita AT1234567'],
  ignore: ['{"carta_identita":"CA1234BC"}', 'CA12345BC'],
  candidate: ['CA12345BC'],
});

/** Bulgarian citizen number. */
export const isEgn = (d: string): boolean => {
  if (!/^\d{10}$/.test(d)) return false;
  const month = Number(d.slice(2, 4));
  const year = Number(d.slice(0, 2)) + (month > 40 ? 2000 : month > 20 ? 1800 : 1900);
  return isDay(year, month % 20, Number(d.slice(4, 6))) && (weighted(d, [2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11) % 10 === digitAt(d, 9);
};
export const nationalIdBg = numbered({
  id: 'national_id_bg',
  title: 'Bulgarian citizen number (EGN)',
  region: 'bg',
  fields: ['egn', 'egnnumber', 'unifiedcivilnumber'],
  shapes: [[BARE, '9{10}']],
  validate: isEgn,
  match: ['{"egn":"7523169263"}'],
  ignore: ['7523169263', '{"egn":"7523169264"}'],
  candidate: ['7523169263'],
});

/** Romanian personal code: sex and century, date, county, serial. */
export const isCnp = (d: string): boolean => {
  if (!/^[1-9]\d{12}$/.test(d)) return false;
  const day = d.slice(1, 7);
  const county = Number(d.slice(7, 9));
  return (
    isShortDay(day) &&
    ((county >= 1 && county <= 48) || county === 51 || county === 52 || county === 70 || county >= 80) &&
    (weighted(d, [2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11) % 10 === digitAt(d, 12)
  );
};
export const nationalIdRo = numbered({
  id: 'national_id_ro',
  title: 'Romanian personal code (CNP)',
  region: 'ro',
  fields: ['cnp', 'codnumericpersonal'],
  shapes: [[0.15, '9{13}']],
  validate: isCnp,
  match: ['{"cnp":"1800101221144"}'],
  ignore: ['{"cnp":"1800101221145"}', '1800101221144'],
  candidate: ['1800101221144'],
});

/** Estonian and Lithuanian personal code: two rounds of weights. */
export const isBalticCode = (d: string): boolean => {
  if (!/^[1-8]\d{10}$/.test(d) || !isShortDay(d.slice(1, 7))) return false;
  let rest = weighted(d, [1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11;
  if (rest === 10) rest = (weighted(d, [3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11) % 10;
  return rest === digitAt(d, 10);
};
export const nationalIdEe = numbered({
  id: 'national_id_ee',
  title: 'Estonian or Lithuanian personal code',
  region: 'ee',
  fields: ['isikukood', 'asmenskodas', 'personalcode'],
  shapes: [[BARE, '9{11}']],
  validate: isBalticCode,
  match: ['{"isikukood":"37605030299"}'],
  ignore: ['{"isikukood":"37605030298"}', '37605030299'],
  candidate: ['37605030299'],
});

export const isCzechBirthNumber = (text: string): boolean => {
  const found = /^(\d{2})(\d{2})(\d{2})\/?(\d{3,4})$/.exec(text);
  if (found === null) return false;
  const year = Number(found[1]);
  const raw = Number(found[2]);
  const base = raw > 70 ? raw - 70 : raw > 50 ? raw - 50 : raw > 20 ? raw - 20 : raw;
  if (found[4].length === 3) return year < 54 && isDay(1900 + year, base, Number(found[3]));
  const day = year >= 54 ? isDay(1900 + year, base, Number(found[3])) : isDay(2000 + year, base, Number(found[3]));
  if ((raw > 70 || (raw > 20 && raw < 50)) && year >= 54) return false;
  const d = digitsOf(text);
  const rest = Number(d.slice(0, 9)) % 11;
  return day && (rest === 10 ? 0 : rest) === digitAt(d, 9);
};
export const nationalIdCz = numbered({
  id: 'national_id_cz',
  title: 'Czech or Slovak birth number',
  region: 'cz',
  fields: ['rodnecislo', 'birthnumber', 'rc'],
  shapes: [
    [TELLING, '999999/9999'],
    [BARE, '9{9,10}', '999999/999'],
  ],
  validate: isCzechBirthNumber,
  match: ['{"x":"736028/5163"}', '{"rodne_cislo":"7360285163"}'],
  ignore: ['736028/5164', '7360285163'],
});

export const nationalIdHr = numbered({
  id: 'national_id_hr',
  title: 'Croatian personal number (OIB)',
  region: 'hr',
  fields: ['oib'],
  shapes: [[BARE, '9{11}']],
  validate: (text) => /^\d{11}$/.test(text) && mod1110(text),
  match: ['{"oib":"33392005961"}'],
  ignore: ['{"oib":"33392005962"}', '33392005961'],
  candidate: ['33392005961'],
});

export const nationalIdCh = numbered({
  id: 'national_id_ch',
  title: 'Swiss social security number (AHV)',
  region: 'ch',
  fields: ['ahv', 'ahvnummer', 'avs', 'numeroavs', 'sozialversicherungsnummer', 'navs'],
  shapes: [
    [0.85, '999.9999.9999.99'],
    [0.3, '9{13}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    return /^756\d{10}$/.test(d) && weighted(d, [1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]) % 10 === 0;
  },
  match: ['{"x":"756.9217.0769.85"}', '{"ahv":"7569217076985"}'],
  ignore: ['756.9217.0769.86', '{"ean":"7569217076985"}'],
});

export const nationalIdAt = numbered({
  id: 'national_id_at',
  title: 'Austrian social security number',
  region: 'at',
  fields: ['svnr', 'sozialversicherungsnummer', 'svnummer', 'versicherungsnummer'],
  shapes: [
    [BARE, '9{10}'],
    [0.2, '9999 999999', '9999-999999'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    return /^[1-9]\d{9}$/.test(d) && weighted(d, [3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 === digitAt(d, 3);
  },
  match: ['{"svnr":"1237010180"}'],
  ignore: ['{"svnr":"1238010180"}', '1237010180'],
});

export const nationalIdIe = numbered({
  id: 'national_id_ie',
  title: 'Irish personal public service number (PPS)',
  region: 'ie',
  fields: ['pps', 'ppsn', 'ppsnumber'],
  shapes: [[SPACED, '9{7}A', '9{7}AA']],
  validate: (text) => {
    const code = text.toUpperCase();
    if (!/^\d{7}[A-W][ABHIW]?$/.test(code)) return false;
    const extra = /[A-I]/.test(code[8] ?? '') ? (code.charCodeAt(8) - 64) * 9 : 0;
    return 'WABCDEFGHIJKLMNOPQRSTUV'[(weighted(code, [8, 7, 6, 5, 4, 3, 2]) + extra) % 23] === code[7];
  },
  match: ['{"pps":"1234567FA"}', 'PPS 1234567T'],
  ignore: ['{"pps":"1234567A"}', '1234567T'],
  candidate: ['1234567T'],
});

export const nationalIdGr = numbered({
  id: 'national_id_gr',
  title: 'Greek social security number (AMKA)',
  region: 'gr',
  fields: ['amka'],
  shapes: [[BARE, '9{11}']],
  validate: (text) => /^\d{11}$/.test(text) && isShortDay(text.slice(4, 6) + text.slice(2, 4) + text.slice(0, 2)) && luhn(text),
  match: ['{"amka":"08042862642"}'],
  ignore: ['{"amka":"32019912345"}'],
});

export const nationalIdPt = numbered({
  id: 'national_id_pt',
  title: 'Portuguese citizen card number',
  region: 'pt',
  fields: ['cartaodecidadao', 'cartaocidadao', 'numerocc'],
  shapes: [[TELLING, '9{8} 9 AA9', '9{9}AA9']],
  validate: (text) => {
    const code = compact(text);
    if (!/^\d{9}[A-Z]{2}\d$/.test(code)) return false;
    let sum = 0;
    for (let i = code.length - 1, double = false; i >= 0; i--, double = !double) {
      const value = code.charCodeAt(i) >= 65 ? code.charCodeAt(i) - 55 : digitAt(code, i);
      sum += double ? (value * 2 > 9 ? value * 2 - 9 : value * 2) : value;
    }
    return sum % 10 === 0;
  },
  match: ['{"x":"00000000 0 ZZ4"}'],
  ignore: ['00000000 0 ZZ5'],
});

export const italianDriver = numbered({
  id: 'driver_license_it',
  title: 'Italian driving licence number',
  region: 'it',
  fields: ['patente', 'numeropatente', 'patentediguida'],
  shapes: [[SPACED, 'AA9{7}A', 'A9A#{6}A', 'A1#{7}A']],
  validate: (text) =>
    /^(?:(?:A[A-Z]|[B-Z][A-Z])\d{7}[A-Z]|U1[B-DF-HJ-NPR-TV-Z]\d[B-DF-HJ-NPR-TV-Z0-9]{5}[A-Z]|U1[BCDFGHLJKMNPRSTUWYXZ0-9]{7}[A-Z])$/i.test(
      text,
    ),
  match: ['{"patente":"RM1234567X"}'],
  ignore: ['{"patente":"B"}', 'U1A00A000B'],
});
