/** Check-digit arithmetic shared by the data types. All functions take digits as text and are linear in it. */

/** Only the digits of a text. */
export const digitsOf = (text: string): string => text.replace(/[^0-9]/g, '');

/** Letters and digits of a text, upper case. */
export const compact = (text: string): string => text.replace(/[^0-9A-Za-z]/g, '').toUpperCase();

/** ISO/IEC 7812-1 annex B. */
export function luhn(digits: string): boolean {
  let sum = 0;
  for (let i = digits.length - 1, double = false; i >= 0; i--, double = !double) {
    const digit = digits.charCodeAt(i) - 48;
    sum += double ? (digit > 4 ? digit * 2 - 9 : digit * 2) : digit;
  }
  return sum % 10 === 0;
}

/** Sum of digit times weight, over as many digits as there are weights. */
export function weighted(digits: string, weights: readonly number[]): number {
  let sum = 0;
  for (let i = 0; i < weights.length; i++) sum += (digits.charCodeAt(i) - 48) * weights[i];
  return sum;
}

/** Value of the digit at `index`; negative counts from the end. */
export const digitAt = (text: string, index: number): number => text.charCodeAt(index < 0 ? text.length + index : index) - 48;

/** ISO/IEC 7064 MOD 97-10 remainder; letters count 10–35. */
export function mod97(text: string): number {
  let rest = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    rest = code >= 65 ? (rest * 100 + code - 55) % 97 : (rest * 10 + code - 48) % 97;
  }
  return rest;
}

/** ISO/IEC 7064 MOD 11,10 over the whole number with its check digit. */
export function mod1110(digits: string): boolean {
  let product = 10;
  for (let i = 0; i < digits.length - 1; i++) {
    const sum = (digitAt(digits, i) + product) % 10 || 10;
    product = (sum * 2) % 11;
  }
  return (11 - product) % 10 === digitAt(digits, -1);
}

const VERHOEFF_D = [
  '0123456789',
  '1234067895',
  '2340178956',
  '3401289567',
  '4012395678',
  '5987604321',
  '6598710432',
  '7659821043',
  '8765932104',
  '9876543210',
];
const VERHOEFF_P = ['0123456789', '1576283094', '5803796142', '8916043527', '9453126870', '4286573901', '2793806415', '7046913258'];

/** J. Verhoeff, Error detecting decimal codes (1969). */
export function verhoeff(digits: string): boolean {
  let check = 0;
  for (let i = 0; i < digits.length; i++) {
    const digit = digitAt(digits, digits.length - 1 - i);
    check = Number(VERHOEFF_D[check][Number(VERHOEFF_P[i % 8][digit])]);
  }
  return check === 0;
}

/** Is it a day of the Gregorian calendar? */
export function isDay(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  return (
    day <= new Date(Date.UTC(2000, month, 0)).getUTCDate() &&
    (month !== 2 || day < 29 || (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0)))
  );
}

/** Is `YYMMDD` a day in the 20th or the 21st century? */
export const isShortDay = (digits: string): boolean => {
  const [year, month, day] = [Number(digits.slice(0, 2)), Number(digits.slice(2, 4)), Number(digits.slice(4, 6))];
  return isDay(1900 + year, month, day) || isDay(2000 + year, month, day);
};

/** All characters the same. */
export const isRepeated = (text: string): boolean => /^(.)\1*$/.test(text);
