/** Numbers that Denmark, Finland, Iceland, Norway and Sweden give to persons and companies, with their check digits. */
import { digitAt, digitsOf, isDay, isShortDay, luhn, weighted } from './checks.js';
import { BARE, numbered, SPACED } from './government.js';

const HETU = '0123456789ABCDEFHJKLMNPRSTUVWXY';
export const nationalIdFi = numbered({
  id: 'national_id_fi',
  title: 'Finnish personal identity code',
  region: 'fi',
  fields: ['hetu', 'henkilotunnus', 'personalidentitycode', 'personbeteckning'],
  shapes: [[0.7, '999999-999#', '999999+999#', '999999A999#']],
  validate: (text) => {
    const found = /^(\d{6})([-+A-FU-Y])(\d{3})([0-9A-Y])$/.exec(text);
    if (found === null || Number(found[3]) < 2) return false;
    const day = found[1];
    const year = (found[2] === '+' ? 1800 : /[-U-Y]/.test(found[2]) ? 1900 : 2000) + Number(day.slice(4));
    return isDay(year, Number(day.slice(2, 4)), Number(day.slice(0, 2))) && HETU[Number(day + found[3]) % 31] === found[4];
  },
  match: ['{"x":"131052-308T"}', 'hetu 131052-308T'],
  ignore: ['131052-308A', '321052-308T'],
});

/** Norwegian birth number: two weighted sums modulo 11. */
export const nationalIdNo = numbered({
  id: 'national_id_no',
  title: 'Norwegian birth number',
  region: 'no',
  fields: ['fodselsnummer', 'personnummer', 'fnr', 'birthnumber'],
  shapes: [
    [BARE, '9{11}'],
    [SPACED, '999999 99999'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    const day = Number(d.slice(0, 2)) > 40 ? Number(d.slice(0, 2)) - 40 : Number(d.slice(0, 2));
    return (
      d.length === 11 &&
      isShortDay(d.slice(4, 6) + d.slice(2, 4) + String(day).padStart(2, '0')) &&
      weighted(d, [3, 7, 6, 1, 8, 9, 4, 5, 2, 1, 0]) % 11 === 0 &&
      weighted(d, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0
    );
  },
  match: ['{"fodselsnummer":"24061988404"}'],
  ignore: ['{"fodselsnummer":"01010112345"}', '24061988404'],
  candidate: ['24061988404'],
});

export const nationalIdSe = numbered({
  id: 'national_id_se',
  title: 'Swedish personal number',
  region: 'se',
  fields: ['personnummer', 'personalnumber', 'samordningsnummer', 'pnr'],
  shapes: [
    [0.6, '99999999-9999'],
    [0.5, '999999-9999', '999999+9999'],
    [0.3, '9{12}'],
    [BARE, '9{10}'],
  ],
  validate: (text) => {
    const found = /^(\d{2})?(\d{6})([-+]?)(\d{4})$/.exec(text);
    if (found === null || (found[1] !== undefined && !/^(?:18|19|20)$/.test(found[1]))) return false;
    const day = Number(found[2].slice(4)) > 60 ? Number(found[2].slice(4)) - 60 : Number(found[2].slice(4));
    return isShortDay(found[2].slice(0, 4) + String(day).padStart(2, '0')) && luhn(found[2] + found[4]);
  },
  match: ['{"x":"19811218-9876"}', 'personnummer 8112189876'],
  ignore: ['811218-9875', '8113189876', '8112189876'],
});

export const seOrganisation = numbered({
  id: 'se_organisationsnummer',
  title: 'Swedish organisation number',
  region: 'se',
  family: 'tax',
  sensitivity: 'low',
  fields: ['organisationsnummer', 'orgnr', 'orgnummer', 'organizationnumber', 'companynumber'],
  words: ['company identity', 'organisation', 'orgnr'],
  shapes: [
    [SPACED, '999999-9999'],
    [BARE, '9{10}'],
  ],
  validate: (text) => /^\d{6}-?\d{4}$/.test(text) && digitAt(text, 2) >= 2 && /^[1-35-9]/.test(text) && luhn(digitsOf(text)),
  match: ['{"orgnr":"556016-0680"}', 'organisationsnummer 5560160680'],
  ignore: ['{"orgnr":"556016-0681"}', '556016-0680'],
  candidate: ['556016-0680'],
});

export const nationalIdDk = numbered({
  id: 'national_id_dk',
  title: 'Danish civil registration number (CPR)',
  region: 'dk',
  fields: ['cpr', 'cprnummer', 'cprnumber', 'personnummer'],
  shapes: [
    [SPACED, '999999-9999'],
    [BARE, '9{10}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    return /^\d{6}-?\d{4}$/.test(text) && isShortDay(d.slice(4, 6) + d.slice(2, 4) + d.slice(0, 2));
  },
  match: ['{"cpr":"010190-1234"}', 'CPR 0101901234'],
  ignore: ['{"cpr":"320190-1234"}', '0101901234', '010190-1234'],
});

export const nationalIdIs = numbered({
  id: 'national_id_is',
  title: 'Icelandic identification number (kennitala)',
  region: 'is',
  fields: ['kennitala', 'kt'],
  shapes: [
    [SPACED, '999999-9999'],
    [BARE, '9{10}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    return (
      /^\d{10}$/.test(d) &&
      /[890]$/.test(d) &&
      weighted(d, [3, 2, 7, 6, 5, 4, 3, 2, 1]) % 11 === 0 &&
      Number(d.slice(2, 4)) <= 12 &&
      Number(d.slice(2, 4)) > 0
    );
  },
  match: ['{"kennitala":"120174-3399"}'],
  ignore: ['{"kennitala":"120174-3389"}', '1201743399'],
});
