/** Numbers that states of Africa and Australia give to persons and companies, with their check digits. */
import { digitAt, digitsOf, isRepeated, isShortDay, luhn, verhoeff, weighted } from './checks.js';
import { BARE, numbered, SPACED } from './government.js';

export const nationalIdLy = numbered({
  id: 'national_id_ly',
  title: 'Libyan national number',
  region: 'ly',
  fields: ['libyannationalid'],
  shapes: [[0.05, '9{12}']],
  validate: (text) => /^[12](?:19|20)\d{9}$/.test(text),
  match: ['{"libyanNationalId":"119851234567"}'],
  ignore: ['{"libyanNationalId":"319851234567"}', '119851234567'],
});

export const nationalIdNg = numbered({
  id: 'national_id_ng',
  title: 'Nigerian identity number (NIN)',
  region: 'ng',
  fields: ['nin', 'nationalidentificationnumber'],
  shapes: [[BARE, '9{11}']],
  validate: (text) => /^\d{11}$/.test(text) && !isRepeated(text) && verhoeff(text),
  match: ['{"nin":"93901953601"}'],
  ignore: ['{"nin":"1234567890"}'],
});

export const nationalIdTn = numbered({
  id: 'national_id_tn',
  title: 'Tunisian identity card number',
  region: 'tn',
  fields: ['cin', 'cinnumber', 'cartecin'],
  shapes: [[0.05, '9{8}']],
  validate: (text) => /^\d{8}$/.test(text),
  match: ['{"cin":"04839172"}'],
  ignore: ['{"cin":"0483917"}', '04839172'],
});

export const nationalIdZa = numbered({
  id: 'national_id_za',
  title: 'South African identity number',
  region: 'za',
  fields: ['saidnumber', 'southafricanid', 'rsaid', 'said', 'idnumber'],
  shapes: [[0.3, '9{13}']],
  validate: (text) => /^\d{10}[01][89]\d$|^\d{10}[01]\d\d$/.test(text) && isShortDay(text) && luhn(text),
  match: ['{"rsaId":"5704287204020"}'],
  ignore: ['{"rsaId":"8013015009087"}'],
});

export const auTfn = numbered({
  id: 'au_tfn',
  title: 'Australian tax file number',
  region: 'au',
  family: 'tax',
  fields: ['tfn', 'taxfilenumber'],
  words: ['tax file'],
  shapes: [
    [SPACED, '999 999 999'],
    [BARE, '9{9}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    return /^\d{9}$/.test(d) && !isRepeated(d) && weighted(d, [1, 4, 3, 7, 5, 8, 6, 9, 10]) % 11 === 0;
  },
  match: ['{"tfn":"123456782"}', 'TFN 123 456 782'],
  ignore: ['{"tfn":"123456783"}', '123456782'],
  candidate: ['123456782'],
});
export const isAbn = (d: string): boolean =>
  /^[1-9]\d{10}$/.test(d) && (weighted(d, [10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19]) - 10) % 89 === 0;
export const auAbn = numbered({
  id: 'au_abn',
  title: 'Australian business number',
  region: 'au',
  family: 'tax',
  sensitivity: 'low',
  fields: ['abn', 'australianbusinessnumber'],
  shapes: [
    [0.55, '99 999 999 999'],
    [BARE, '9{11}'],
  ],
  validate: (text) => isAbn(digitsOf(text)),
  match: ['{"abn":"51824753556"}', 'ABN 83 914 571 673'],
  ignore: ['83 914 571 674', '83914571673'],
});
export const auAcn = numbered({
  id: 'au_acn',
  title: 'Australian company number',
  region: 'au',
  family: 'tax',
  sensitivity: 'low',
  fields: ['acn', 'australiancompanynumber'],
  shapes: [
    [SPACED, '999 999 999'],
    [BARE, '9{9}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    return /^\d{9}$/.test(d) && (10 - (weighted(d, [8, 7, 6, 5, 4, 3, 2, 1]) % 10)) % 10 === digitAt(d, 8) && !isRepeated(d);
  },
  match: ['{"acn":"004085616"}'],
  ignore: ['{"acn":"004085617"}', '004085616'],
});
export const auMedicare = numbered({
  id: 'au_medicare',
  title: 'Australian Medicare card number',
  region: 'au',
  family: 'health',
  fields: ['medicare', 'medicarenumber', 'medicarecard', 'medicareno'],
  shapes: [
    [0.55, '9999 99999 9'],
    [BARE, '9{10}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    return /^[2-6]\d{9}$/.test(d) && weighted(d, [1, 3, 7, 9, 1, 3, 7, 9]) % 10 === digitAt(d, 8);
  },
  match: ['{"medicare":"2511306997"}', 'Medicare 2006 62080 2'],
  ignore: ['{"medicareNumber":"1123456701"}'],
});
