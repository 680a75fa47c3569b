/** Numbers that German authorities, insurances and courts give, with their check digits. */
import { compact, digitAt, digitsOf, isDay, isRepeated, weighted } from './checks.js';
import { BARE, numbered, SPACED } from './government.js';

export const nationalIdDe = numbered({
  id: 'national_id_de',
  title: 'German identity card number',
  region: 'de',
  fields: ['personalausweis', 'ausweisnummer', 'personalausweisnummer', 'ausweis', 'ausweisnr', 'perso'],
  shapes: [[SPACED, 'A#{8}']],
  // Four characters of the authority, five of the serial, without vowels and look-alikes; the check digit is printed elsewhere.
  validate: (text) => /^(?:[LMNPRTVWXY][CFGHJKLMNPRTVWXYZ0-9]{8}|T\d{8})$/i.test(text) && digitsOf(text).length >= 3,
  match: ['{"ausweisnummer":"LP7F7KN80"}', 'Personalausweis LP7F7KN80'],
  ignore: ['{"ausweisnummer":"AEIOU1234"}', 'L12345678A'],
});

export const germanDriver = numbered({
  id: 'driver_license_de',
  title: 'German driving licence number',
  region: 'de',
  fields: ['fuehrerschein', 'fuehrerscheinnummer', 'fahrerlaubnis', 'führerschein', 'führerscheinnummer'],
  shapes: [[SPACED, '##9{8}#']],
  validate: (text) => /^[A-Z0-9]{2}\d{8}[A-Z0-9]$/i.test(text) && /[A-Z]/i.test(text.slice(0, 2)),
  match: ['{"fuehrerschein":"MU98765432X"}'],
  ignore: ['{"fuehrerschein":"12345678901"}', 'MU98765432'],
});

export const germanSocial = numbered({
  id: 'de_social_security',
  title: 'German pension insurance number',
  region: 'de',
  fields: ['rentenversicherungsnummer', 'sozialversicherungsnummer', 'rvnr', 'svnummer'],
  shapes: [[0.6, '9{8}A9{3}', '99 999999 A 999', '99 999999 A999']],
  validate: (text) => {
    const code = compact(text);
    const found = /^(\d\d)(\d\d)(\d\d)(\d\d)([A-Z])(\d\d)(\d)$/.exec(code);
    if (found === null) return false;
    const day = Number(found[2]) > 50 ? Number(found[2]) - 50 : Number(found[2]);
    if (!isDay(2000, Number(found[3]), day)) return false;
    const digits = found.slice(1, 5).join('') + String(found[5].charCodeAt(0) - 64).padStart(2, '0') + found[6];
    let sum = 0;
    [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1].forEach((weight, i) => {
      const product = digitAt(digits, i) * weight;
      sum += Math.floor(product / 10) + (product % 10);
    });
    return sum % 10 === Number(found[7]);
  },
  match: ['{"x":"15070649C103"}'],
  ignore: ['15070649C104', '15139949C103'],
});

const kvnr = (text: string): boolean => {
  const code = text.toUpperCase();
  if (!/^[A-Z]\d{9}$/.test(code)) return false;
  return luhnLeft(String(code.charCodeAt(0) - 64).padStart(2, '0') + code.slice(1, 9)) === digitAt(code, 9);
};
const luhnLeft = (digits: string): number => {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    const product = digitAt(digits, i) * (i % 2 === 0 ? 1 : 2);
    sum += product > 9 ? product - 9 : product;
  }
  return sum % 10;
};
export const germanHealth = numbered({
  id: 'de_health_insurance',
  title: 'German health insurance number (KVNR)',
  region: 'de',
  family: 'health',
  fields: ['kvnr', 'krankenversichertennummer', 'versichertennummer', 'krankenkasse', 'krankenversicherungsnummer'],
  shapes: [[SPACED, 'A9{9}']],
  validate: kvnr,
  match: ['{"kvnr":"N120224844"}'],
  ignore: ['{"kvnr":"A12345678"}', 'N120224844'],
  candidate: ['N120224844'],
});

export const germanDoctor = numbered({
  id: 'de_lanr',
  title: 'German physician number (LANR)',
  region: 'de',
  family: 'health',
  sensitivity: 'medium',
  fields: ['lanr', 'arztnummer'],
  shapes: [[BARE, '9{9}']],
  validate: (text) => {
    if (!/^\d{9}$/.test(text)) return false;
    const check = (10 - (weighted(text, [4, 9, 4, 9, 4, 9]) % 10)) % 10;
    return check === digitAt(text, 6);
  },
  match: ['{"lanr":"099868556"}'],
  ignore: ['{"lanr":"12345"}', '099868556'],
});

export const germanPractice = numbered({
  id: 'de_bsnr',
  title: 'German practice number (BSNR)',
  region: 'de',
  family: 'health',
  sensitivity: 'low',
  fields: ['bsnr', 'betriebsstaettennummer', 'betriebsstättennummer'],
  shapes: [[BARE, '9{9}']],
  // The first two digits name one of the regional associations of physicians.
  validate: (text) => /^(?:0[1-3]|1[37]|2[0-17]|3[1-9]|4[0-9]|5[0-9]|6[0-9]|7[0-48]|8[138]|9[35689])\d{7}$/.test(text) && !isRepeated(text),
  match: ['{"bsnr":"021234569"}'],
  ignore: ['{"bsnr":"002345678"}', '021234569'],
  candidate: ['021234569'],
});

export const germanRegister = numbered({
  id: 'de_handelsregister',
  title: 'German commercial register number',
  region: 'de',
  family: 'tax',
  sensitivity: 'low',
  fields: ['handelsregister', 'handelsregisternummer', 'hrb', 'hra', 'registergericht'],
  shapes: [[0.6, 'AAA 9{1,6}', 'AAA 9{1,6} A', 'AAA9{3,6}']],
  validate: (text) => /^(?:HRA|HRB|GnR|PR|VR|GsR) ?\d{1,6}(?: ?[A-Z]{1,2})?$/i.test(text),
  match: ['{"x":"HRB 98765"}', 'Amtsgericht Köln HRA 4711'],
  ignore: ['ABC 12345', 'HR 12345'],
});
