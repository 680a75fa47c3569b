/** Numbers that states of the Americas other than the United States give to persons and companies, with their check digits. */
import { compact, digitAt, digitsOf, isRepeated, isShortDay, luhn } from './checks.js';
import { BARE, numbered, SPACED } from './government.js';

/** Brazilian CPF and CNPJ: two check digits modulo 11; since 2026 a CNPJ may hold letters, which count by their code less 48. */
const brCheck = (code: string, weights: readonly number[]): number => {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += (code.charCodeAt(i) - 48) * weights[i];
  return sum % 11 < 2 ? 0 : 11 - (sum % 11);
};
export const isCpf = (text: string): boolean => {
  const d = digitsOf(text);
  return (
    /^\d{3}\.?\d{3}\.?\d{3}-?\d{2}$/.test(text) &&
    !isRepeated(d) &&
    brCheck(d, [10, 9, 8, 7, 6, 5, 4, 3, 2]) === digitAt(d, 9) &&
    brCheck(d, [11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) === digitAt(d, 10)
  );
};
export const isCnpj = (text: string): boolean => {
  if (!/^(?:[0-9A-Z]{12}\d{2}|[0-9A-Z]{2}\.[0-9A-Z]{3}\.[0-9A-Z]{3}\/[0-9A-Z]{4}-\d{2})$/i.test(text)) return false;
  const code = compact(text);
  return (
    !isRepeated(code) &&
    brCheck(code, [5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) === digitAt(code, 12) &&
    brCheck(code, [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2]) === digitAt(code, 13)
  );
};
export const taxIdBr = numbered({
  id: 'tax_id_br',
  title: 'Brazilian taxpayer number (CPF, CNPJ)',
  region: 'br',
  family: 'tax',
  fields: ['cpf', 'cpfnumber', 'cnpj', 'cpfcnpj', 'numerocpf'],
  shapes: [
    [0.85, '999.999.999-99', '99.999.999/9999-99', '999999999-99'],
    [0.15, '9{11}', '9{14}', '#{12}99'],
  ],
  validate: (text) => isCpf(text) || isCnpj(text),
  match: ['{"x":"529.982.247-25"}', '{"cpf":"52998224725"}', 'CNPJ 11.222.333/0001-81'],
  ignore: ['529.982.247-26', '52998224725', '111.111.111-11'],
});

export const caSin = numbered({
  id: 'ca_sin',
  title: 'Canadian social insurance number',
  region: 'ca',
  fields: ['sin', 'sinnumber', 'socialinsurancenumber', 'socialinsurance'],
  words: ['social insurance'],
  shapes: [
    [SPACED, '999-999-999', '999 999 999'],
    [BARE, '9{9}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    return /^[1-79]\d{2}([- ]?)\d{3}\1\d{3}$/.test(text) && !isRepeated(d) && luhn(d);
  },
  match: ['{"sin":"130692544"}', 'SIN 193-456-787'],
  ignore: ['{"sin":"130692545"}', '130692544', '111 111 111'],
});

export const nationalIdCl = numbered({
  id: 'national_id_cl',
  title: 'Chilean RUT',
  region: 'cl',
  fields: ['rut', 'run', 'rutnumber'],
  shapes: [
    [0.75, '99.999.999-#', '9.999.999-#'],
    [SPACED, '9{7,8}-#'],
  ],
  validate: (text) => {
    const code = compact(text);
    if (!/^\d{7,8}[\dK]$/.test(code)) return false;
    let sum = 0;
    for (let i = code.length - 2, weight = 2; i >= 0; i--, weight = weight === 7 ? 2 : weight + 1) sum += digitAt(code, i) * weight;
    return '0K987654321'[sum % 11] === code[code.length - 1];
  },
  match: ['{"x":"12.345.678-5"}', 'RUT 12345678-5'],
  ignore: ['12.345.678-4', '{"a":"12345678-1"}'],
});

export const nationalIdMx = numbered({
  id: 'national_id_mx',
  title: 'Mexican population registry code (CURP)',
  region: 'mx',
  fields: ['curp'],
  shapes: [[0.8, 'A{4}9{6}A{6}#9']],
  validate: (text) => {
    const code = text.toUpperCase();
    if (
      !/^[A-Z][AEIOUX][A-Z]{2}\d{6}[HMX](?:AS|B[CS]|C[CHLMS]|D[FG]|G[RT]|HG|JC|M[CNS]|N[ETL]|OC|PL|Q[TR]|S[PLR]|T[CSL]|VZ|YN|ZS)[B-DF-HJ-NP-TV-Z]{3}[0-9A-Z]\d$/.test(
        code,
      ) ||
      !isShortDay(code.slice(4, 10))
    )
      return false;
    let sum = 0;
    for (let i = 0; i < 17; i++) sum += '0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ'.indexOf(code[i]) * (18 - i);
    return (10 - (sum % 10)) % 10 === digitAt(code, 17);
  },
  match: ['{"x":"HEGG560427MVZRRL04"}'],
  ignore: ['HEGG560427MVZRRL05', 'HEGG561327MVZRRL04'],
});

export const nationalIdEc = numbered({
  id: 'national_id_ec',
  title: 'Ecuadorian identity card number',
  region: 'ec',
  fields: ['cedula', 'cedulaidentidad', 'numerocedula'],
  shapes: [[BARE, '9{10}']],
  validate: (text) => {
    const province = Number(text.slice(0, 2));
    return /^\d{2}[0-5]\d{7}$/.test(text) && ((province >= 1 && province <= 24) || province === 30) && luhn(text);
  },
  match: ['{"cedula":"1710034065"}'],
  ignore: ['{"cedula":"1710034066"}', '1710034065'],
});
