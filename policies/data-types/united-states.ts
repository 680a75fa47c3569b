import { digitsOf, isRepeated, luhn, weighted } from './checks.js';
import { BARE, numbered, SPACED } from './government.js';

/** Social Security number: area 001–899 without 666, group and serial not zero, none of the numbers printed in advertisements. */
export function isSsn(text: string): boolean {
  if (!/^\d{3}([- .]?)\d{2}\1\d{4}$/.test(text)) return false;
  const digits = digitsOf(text);
  const area = digits.slice(0, 3);
  return (
    area !== '000' &&
    area !== '666' &&
    area < '900' &&
    digits.slice(3, 5) !== '00' &&
    digits.slice(5) !== '0000' &&
    !isRepeated(digits) &&
    !['123456789', '987654321', '078051120', '219099999'].includes(digits)
  );
}

export const usSsn = numbered({
  id: 'us_ssn',
  title: 'US Social Security number',
  region: 'us',
  sensitivity: 'critical',
  fields: ['ssn', 'socialsecurity', 'socialsecuritynumber', 'ssnumber', 'ssnno', 'socialsecurityno', 'taxpayerid'],
  words: ['social security', 'soc sec'],
  shapes: [
    [0.75, '999-99-9999'],
    [SPACED, '999 99 9999', '999.99.9999'],
    [BARE, '9{9}'],
  ],
  validate: isSsn,
  keepLast: 4,
  match: ['{"note":"ssn is 536-22-8726"}', '{"ssn":"536228726"}', '{"ssn":536228726}', 'his social security number 536 22 8726'],
  ignore: ['536228726', '{"orderId":"536228726"}', '000-22-8726', '666-22-8726', '536-00-8726', '{"zip":"536-22-87261"}', '987-65-4321'],
});

export const usItin = numbered({
  id: 'us_itin',
  title: 'US individual taxpayer number (ITIN)',
  region: 'us',
  family: 'tax',
  fields: ['itin', 'individualtaxpayeridentificationnumber', 'taxpayerid'],
  words: ['itin', 'taxpayer'],
  shapes: [
    [0.7, '999-99-9999'],
    [SPACED, '999 99 9999'],
    [BARE, '9{9}'],
  ],
  validate: (text) => /^9\d\d([- ]?)(?:5\d|6[0-5]|7\d|8[0-8]|9[0-24-9])\1\d{4}$/.test(text),
  keepLast: 4,
  match: ['{"a":"itin 912-70-1234"}', '{"itin":"912701234"}'],
  ignore: ['912-69-1234', '912701234', '{"itin":"812701234"}'],
});

/** Campus prefixes that the IRS assigns to employer numbers. */
const EIN_PREFIX = /^(?:0[1-6]|1[0-6]|2[0-7]|3[0-9]|4[0-8]|5[0-9]|6[0-8]|7[1-7]|8[0-8]|9[0-58-9])/;
export const usEin = numbered({
  id: 'us_ein',
  title: 'US employer identification number (EIN)',
  region: 'us',
  family: 'tax',
  sensitivity: 'medium',
  fields: ['ein', 'fein', 'employeridentificationnumber', 'employerid', 'federaltaxid', 'taxid'],
  shapes: [
    [SPACED, '99-9999999'],
    [0.05, '9{9}'],
  ],
  validate: (text) => /^\d\d-?\d{7}$/.test(text) && EIN_PREFIX.test(text),
  match: ['{"ein":"20-1234567"}', 'EIN 81-4567890'],
  ignore: ['20-1234567', '{"ein":"07-1234567"}', '{"part":"20-1234567"}'],
  candidate: ['20-1234567'],
});

export const usNpi = numbered({
  id: 'us_npi',
  title: 'US provider number (NPI)',
  region: 'us',
  family: 'health',
  sensitivity: 'medium',
  fields: ['npi', 'npinumber', 'nationalprovideridentifier', 'providernpi'],
  shapes: [[BARE, '9{10}']],
  validate: (text) => /^[12]\d{9}$/.test(text) && !isRepeated(text.slice(1)) && luhn(`80840${text}`),
  match: ['{"npi":"1497758544"}', 'NPI: 1497758544'],
  ignore: ['1497758544', '{"npi":"1497758545"}', '{"npi":"3497758544"}'],
  candidate: ['1497758544'],
});

const MBI = /^[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d-?[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}$/i;
export const usMbi = numbered({
  id: 'us_mbi',
  title: 'US Medicare beneficiary identifier (MBI)',
  region: 'us',
  family: 'health',
  fields: ['mbi', 'medicareid', 'medicarenumber', 'medicarebeneficiaryidentifier', 'medicare'],
  shapes: [
    [0.85, '9A#9-A#9-AA99'],
    [0.6, '9A#9A#9AA99'],
  ],
  validate: (text) => MBI.test(text),
  match: ['{"m":"1EG4-TE5-MK72"}', 'Medicare 2AC3CD4EF56'],
  ignore: ['1SG4-TE5-MK72', '0EG4-TE5-MK72', '1EG4TE5MK7'],
});

export const usDea = numbered({
  id: 'us_dea',
  title: 'US prescriber number (DEA)',
  region: 'us',
  family: 'health',
  sensitivity: 'medium',
  fields: ['dea', 'deanumber', 'deano', 'dealicense'],
  shapes: [[SPACED, 'AA9{7}', 'A99{7}']],
  validate: (text) => {
    if (!/^[ABCDEFGHJKLMNPRSTUX][A-Z9]\d{7}$/i.test(text)) return false;
    const digits = text.slice(2);
    return weighted(digits, [1, 2, 1, 2, 1, 2]) % 10 === Number(digits[6]);
  },
  match: ['{"dea":"AB1234563"}', 'DEA number FW4567890'],
  ignore: ['{"dea":"AB1234564"}', '{"dea":"QB1234563"}', 'AB1234563'],
  candidate: ['AB1234563'],
});

/** State formats as published by AAMVA members: nearly anything of 4 to 14 digits, or a letter or two before digits. */
const LICENSE =
  /^(?:\d{4,14}|[A-Z]\d{3,14}|[A-Z]{2}\d{2,8}|[A-Z]\d{2}[- ]?\d{3}[- ]?\d{3}|[A-Z]{3}\d{6}|\d{2}[A-Z]{3}\d{5}|\d{3}[A-Z]{2}\d{4}|\d{7,9}[A-Z]|[A-Z]\d{3}-\d{4}-\d{4}|[A-Z]\d{3}-\d{3}-\d{2}-\d{3}-\d|\d{3}-\d{3}-\d{3}|[A-Z]{5}[A-Z*]{2}\d{3}[A-Z0-9]{2}|[A-Z]{1,5}\*{0,4}[A-Z]{2}\d{3}[A-Z0-9]{2}|[A-Z]\d{12,13}[A-Z]?|[A-Z]\d[A-Z]\d[A-Z])$/i;
export const usDriverLicense = numbered({
  id: 'driver_license_us',
  title: 'US driver licence number',
  region: 'us',
  fields: [
    'driverlicense',
    'driverslicense',
    'driverlicensenumber',
    'driverslicensenumber',
    'drivinglicense',
    'drivinglicence',
    'driverlicence',
    'dlnumber',
    'licensenumber',
    'licencenumber',
    'dln',
    'driverid',
  ],
  words: ['driver license', 'drivers license', 'driving licence', 'driver s license'],
  shapes: [[0.05, 'A9{7,8}', '9{7,10}', 'A9{12}', 'A999-9999-9999', 'AA9{6}']],
  validate: (text) => LICENSE.test(text) && digitsOf(text).length >= 4,
  match: ['{"driversLicense":"D1234567"}', '{"driver_license_number":"S123-4567-8901"}', "driver's license F2554921"],
  ignore: ['D1234567', '{"licenseNumber":"MIT"}', '{"driver_license":"pending"}'],
});
