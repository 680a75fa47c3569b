/** Numbers that the United Kingdom gives to persons, with their check digits. */
import { digitsOf, isRepeated, weighted } from './checks.js';
import { BARE, numbered } from './government.js';

/** UK National Insurance number (HMRC NIM39110): letters that are not used, prefixes that are not issued. */
export const isNino = (text: string): boolean =>
  /^(?!BG|GB|NK|KN|TN|NT|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]$/i.test(text);
export const ukNino = numbered({
  id: 'uk_nino',
  title: 'UK National Insurance number',
  region: 'gb',
  fields: ['nino', 'nationalinsurance', 'nationalinsurancenumber', 'ninumber', 'niinsurance'],
  words: ['national insurance'],
  shapes: [[0.7, 'AA9{6}A', 'AA 99 99 99 A', 'AA 999999A', 'AA 999999 A']],
  validate: isNino,
  match: ['{"x":"QQ123456C","nino":"AB123456C"}', 'NI number AB 12 34 56 C'],
  ignore: ['QQ123456C', 'BG123456C', 'AB123456E', 'FO123456C'],
});

export const ukNhs = numbered({
  id: 'uk_nhs',
  title: 'NHS number',
  region: 'gb',
  family: 'health',
  fields: ['nhs', 'nhsnumber', 'nhsno'],
  shapes: [
    [0.55, '999 999 9999'],
    [0.3, '999-999-9999'],
    [BARE, '9{10}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    return /^\d{10}$/.test(d) && !isRepeated(d) && weighted(d, [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0;
  },
  match: ['{"nhs_number":"9434765919"}', 'NHS 943 476 5919'],
  ignore: ['{"nhs_number":"9434765918"}', '9434765919'],
  candidate: ['9434765919'],
});

export const ukDriver = numbered({
  id: 'driver_license_gb',
  title: 'UK driving licence number',
  region: 'gb',
  fields: ['drivinglicence', 'drivinglicencenumber', 'driverlicence', 'driverslicence', 'licencenumber'],
  shapes: [[0.6, 'A{2}#{3}9{6}A#{4}']],
  validate: (text) => {
    const found = /^[A-Z9]{5}\d([0-9])(\d)(\d{2})\d[A-Z9]{2}[A-Z0-9]{3}$/i.exec(text);
    if (found === null || !/^[A-Z]+9*$/i.test(text.slice(0, 5))) return false;
    const month = Number(found[1] + found[2]) % 50;
    const day = Number(found[3]);
    return month >= 1 && month <= 12 && day >= 1 && day <= 31;
  },
  match: ['{"x":"MORGA753116SM9IJ"}'],
  ignore: ['MORGA793116SM9IJ', 'ABCDE'],
});
