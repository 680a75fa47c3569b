import { digitAt, digitsOf, luhn } from './checks.js';
import { type DataType, scanner, shape, whole } from './type.js';

export const imei: DataType = {
  id: 'imei',
  title: 'Mobile device number (IMEI)',
  family: 'device',
  sensitivity: 'medium',
  fields: ['imei', 'imeinumber', 'deviceimei', 'meid'],
  find: [shape(0.6, '99-999999-999999-9'), shape(0.1, '9{15}')],
  validate: (text) => /^\d{2}-?\d{6}-?\d{6}-?\d$/.test(text) && luhn(digitsOf(text)) && !/^0{8}/.test(text),
  examples: {
    match: ['{"imei":"490154203237518"}', 'IMEI 49-015420-323751-8'],
    ignore: ['{"imei":"490154203237519"}', '490154203237518'],
    candidate: ['490154203237518'],
  },
};

const VIN_VALUES = '0123456789.ABCDEFGH..JKLMN.P.R..STUVWXYZ';
/** Vehicle identification number, ISO 3779: no I, O, Q; check digit at place 9 as North America requires. */
export function isVin(text: string): boolean {
  if (!/^[A-HJ-NPR-Z0-9]{8}[0-9X][A-HJ-NPR-Z0-9]{8}$/.test(text) || !/[A-Z].*\d.*\d/.test(text)) return false;
  const weights = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];
  let sum = 0;
  for (let i = 0; i < 17; i++) sum += (VIN_VALUES.indexOf(text[i]) % 10) * weights[i];
  return text[8] === '0123456789X'[sum % 11];
}

export const vin: DataType = {
  id: 'vin',
  title: 'Vehicle identification number (VIN)',
  family: 'vehicle',
  sensitivity: 'medium',
  fields: ['vin', 'vehicleidentificationnumber', 'fahrgestellnummer', 'chassisnumber', 'vinnumber'],
  find: [{ by: 'run', min: 17, max: 17, start: '', alone: 0.6 }],
  validate: isVin,
  examples: { match: ['{"x":"1HGCM82633A004352"}', 'VIN 1M8GDM9AXKP042788'], ignore: ['1HGCM82633A004353', '1HGCM82633A00435O'] },
};

export const coordinates: DataType = {
  id: 'geo_coordinate',
  title: 'Geographic coordinates',
  family: 'place',
  sensitivity: 'medium',
  fields: ['latitude', 'longitude', 'lat', 'lng', 'lon', 'coordinates', 'geolocation', 'latlng', 'latlong', 'geo'],
  find: [scanner('coordinates', 0.6), whole],
  hinted: 0.85,
  validate: (text) => {
    const inner = /^\((.*)\)$/.exec(text)?.[1] ?? text;
    const parts = inner.split(/, ?/);
    if (parts.length > 2 || !parts.every((part) => /^[-+]?(?:0|[1-9]\d{0,2})(?:\.\d{1,15})?$/.test(part))) return false;
    if (parts.length === 1) return /\.\d{3,}/.test(text) && Math.abs(Number(text)) <= 180;
    return Math.abs(Number(parts[0])) <= 90 && Math.abs(Number(parts[1])) <= 180;
  },
  examples: {
    match: ['{"lat":52.520008,"lng":13.404954}', 'at 52.520008, 13.404954 today'],
    ignore: ['{"lat":7}', '1.5, 2.5', '95.123456, 13.404954', '{"price":52.520008}'],
    candidate: ['(52.52, 13.4)', '-15.379543, -137.285156'],
  },
};

/** Modulo-10 check of the GS1 numbers, from the right with weights 3 and 1. */
const gs1 = (digits: string): boolean => {
  let sum = 0;
  for (let i = digits.length - 2, weight = 3; i >= 0; i--, weight = 4 - weight) sum += digitAt(digits, i) * weight;
  return (10 - (sum % 10)) % 10 === digitAt(digits, -1);
};
export const ean: DataType = {
  id: 'ean',
  title: 'Trade item number (EAN, GTIN)',
  family: 'identifier',
  sensitivity: 'low',
  fields: ['ean', 'gtin', 'upc', 'barcode'],
  find: [shape(0.1, '9{8}', '9{13}', '9{14}')],
  validate: (text) => /^(?:\d{8}|\d{13}|\d{14})$/.test(text) && gs1(text),
  examples: { match: ['{"ean":"4006381333931"}'], ignore: ['{"ean":"4006381333932"}', '4006381333931'], candidate: ['4006381333931'] },
};

export const isbn: DataType = {
  id: 'isbn',
  title: 'Book number (ISBN)',
  family: 'identifier',
  sensitivity: 'low',
  fields: ['isbn'],
  find: [shape(0.1, '9{9}#', '9{13}', '9-9{2,6}-9{2,6}-#', '999-9-9{2,6}-9{2,6}-9', '9 9{2,6} 9{2,6} #', '999 9 9{2,6} 9{2,6} 9')],
  validate: (text) => {
    const code = text.replace(/[ -]/g, '');
    if (/^97[89]\d{10}$/.test(code)) return gs1(code);
    if (!/^\d{9}[\dX]$/.test(code)) return false;
    let sum = 0;
    for (let i = 0; i < 10; i++) sum += (10 - i) * (code[i] === 'X' ? 10 : digitAt(code, i));
    return sum % 11 === 0;
  },
  examples: {
    match: ['{"isbn":"978-3-16-148410-0"}'],
    ignore: ['{"isbn":"978-3-16-148410-1"}', '978-3-16-148410-0'],
    candidate: ['080442957X'],
  },
};

export const issn: DataType = {
  id: 'issn',
  title: 'Serial number (ISSN)',
  family: 'identifier',
  sensitivity: 'low',
  fields: ['issn'],
  find: [shape(0.1, '9999-999#', '9{7}#')],
  validate: (text) => {
    const code = text.replace('-', '').toUpperCase();
    if (!/^\d{7}[\dX]$/.test(code)) return false;
    let sum = 0;
    for (let i = 0; i < 8; i++) sum += (8 - i) * (code[i] === 'X' ? 10 : digitAt(code, i));
    return sum % 11 === 0;
  },
  examples: { match: ['{"issn":"2049-3630"}'], ignore: ['{"issn":"2049-3631"}', '2049-3630'], candidate: ['2049-3630'] },
};

export const uuid: DataType = {
  id: 'uuid',
  title: 'UUID',
  family: 'identifier',
  sensitivity: 'low',
  fields: [],
  find: [shape(0.3, '#{8}-#{4}-#{4}-#{4}-#{12}')],
  validate: (text) => /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i.test(text),
  examples: { match: [], ignore: ['123e4567-e89b-42d3-a456-426614174000'], candidate: ['123e4567-e89b-42d3-a456-426614174000'] },
};

export const ulid: DataType = {
  id: 'ulid',
  title: 'ULID',
  family: 'identifier',
  sensitivity: 'low',
  fields: ['ulid'],
  find: [{ by: 'run', min: 26, max: 26, start: '9', alone: 0.3 }],
  validate: (text) => /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(text),
  examples: {
    match: ['{"ulid":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}'],
    ignore: ['01ARZ3NDEKTSV4RRFFQ69G5FAU', '01ARZ3NDEKTSV4RRFFQ69G5FAV'],
    candidate: ['01ARZ3NDEKTSV4RRFFQ69G5FAV'],
  },
};

export const objectId: DataType = {
  id: 'object_id',
  title: 'MongoDB object id',
  family: 'identifier',
  sensitivity: 'low',
  fields: [],
  find: [shape(0.3, '#{24}')],
  validate: (text) => /^[0-9a-f]{24}$/i.test(text) && /\d/.test(text),
  examples: { match: [], ignore: ['507f1f77bcf86cd799439011'], candidate: ['507f1f77bcf86cd799439011'] },
};
