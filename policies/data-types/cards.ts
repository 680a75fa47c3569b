import { digitsOf, isDay, isRepeated, luhn } from './checks.js';
import { type DataType, field, shape } from './type.js';

/** Issuer ranges: first digits and lengths. ISO/IEC 7812 register as the networks publish it. */
const ISSUERS: readonly (readonly [from: number, to: number, lengths: readonly number[]])[] = [
  [4, 4, [13, 16, 19]],
  [51, 55, [16]],
  [2221, 2720, [16]],
  [34, 34, [15]],
  [37, 37, [15]],
  [300, 305, [14, 16, 19]],
  [3095, 3095, [14, 16]],
  [36, 36, [14, 16, 19]],
  [38, 39, [14, 16, 19]],
  [6011, 6011, [16, 19]],
  [622126, 622925, [16, 17, 18, 19]],
  [644, 649, [16, 19]],
  [65, 65, [16, 19]],
  [3528, 3589, [16, 17, 18, 19]],
  [62, 62, [16, 17, 18, 19]],
  [81, 81, [16, 17, 18, 19]],
  [50, 50, [12, 13, 14, 15, 16, 17, 18, 19]],
  [56, 58, [12, 13, 14, 15, 16, 17, 18, 19]],
  [63, 63, [16, 18, 19]],
  [67, 67, [12, 13, 14, 15, 16, 17, 18, 19]],
  [60, 60, [16]],
  [2200, 2204, [16, 17, 18, 19]],
  [9792, 9792, [16]],
  [1, 1, [15]],
];

/** Primary account number: a length of its issuer range and the Luhn check digit (ISO/IEC 7812-1). */
export function isCard(text: string): boolean {
  if (/[^\d -]/.test(text)) return false;
  const digits = digitsOf(text);
  if (digits.length < 12 || digits.length > 19 || isRepeated(digits) || !luhn(digits)) return false;
  return ISSUERS.some(([from, to, lengths]) => {
    const head = Number(digits.slice(0, String(from).length));
    return head >= from && head <= to && lengths.includes(digits.length);
  });
}

/** Ranges that hold few cards and many other numbers: a bare number in one of them needs more than a check digit. */
const isMainNetwork = (digits: string): boolean => /^(?:4|5[1-5]|2[2-7]|3[47]|6(?:011|4[4-9]|5|2)|35|3[0689])/.test(digits);

export const creditCard: DataType = {
  id: 'credit_card',
  title: 'Payment card number',
  family: 'payment',
  sensitivity: 'critical',
  fields: [
    'creditcard',
    'creditcardnumber',
    'cardnumber',
    'card',
    'cardno',
    'cc',
    'ccnumber',
    'ccnum',
    'pan',
    'primaryaccountnumber',
    'debitcard',
    'paymentcard',
    'kreditkarte',
    'kartennummer',
    'cartebancaire',
    'numerocarte',
    'tarjeta',
  ],
  words: ['visa', 'mastercard', 'amex', 'american express', 'discover', 'maestro', 'unionpay', 'jcb', 'diners'],
  find: [
    shape(
      0.9,
      '9999 9999 9999 9999',
      '9999-9999-9999-9999',
      '9999 999999 99999',
      '9999-999999-99999',
      '9999 999999 9999',
      '9999 9999 9999 9999 999',
    ),
    shape(0.5, '9{16}', '9{15}'),
    shape(0.35, '9{12,14}', '9{17,19}'),
  ],
  hinted: 0.97,
  validate: isCard,
  keep: { last: 4 },
  examples: {
    match: [
      'pay with 4111 1111 1111 1111 please',
      '{"card":{"number":"5555555555554444"}}',
      '{"cardNumber":378282246310005}',
      '{"note":"amex 3782-822463-10005"}',
    ],
    ignore: [
      '4111 1111 1111 1112',
      '{"orderId":"4111111111111111"}',
      'tracking number 4111111111111111',
      '{"id":1234567812345678}',
      '0000 0000 0000 0000',
    ],
    candidate: ['36050234196908', '6759649826438453'],
  },
};

export const cardSecurityCode: DataType = {
  id: 'card_security_code',
  title: 'Card security code (CVV, CVC)',
  family: 'payment',
  sensitivity: 'critical',
  fields: [
    'cvv',
    'cvc',
    'cvn',
    'csc',
    'cvvcode',
    'cvccode',
    'securitycode',
    'cardsecuritycode',
    'cardcode',
    'cardverificationvalue',
    'pruefziffer',
  ],
  find: [field],
  validate: (text) => /^\d{3,4}$/.test(text),
  examples: { match: ['{"cvv":"123"}', '{"card":{"cvc":4321}}'], ignore: ['{"cvv":"M"}', '{"count":123}', 'cvv'] },
};

export const cardExpiry: DataType = {
  id: 'card_expiry',
  title: 'Card expiry date',
  family: 'payment',
  sensitivity: 'medium',
  fields: ['cardexpiry', 'cardexpiration', 'expirydate', 'expirationdate', 'expdate', 'ccexp', 'ccexpiry', 'validthru', 'exp'],
  find: [field],
  validate: (text) => {
    const found = /^(\d{1,2}) ?[-/] ?(\d{2}|20\d{2})$/.exec(text);
    return found !== null && isDay(2000, Number(found[1]), 1);
  },
  examples: { match: ['{"card_expiry":"12/27"}', '{"expDate":"03/2029"}'], ignore: ['{"card_expiry":"13/27"}', '{"exp":1516239022}'] },
};

export const magneticStripe: DataType = {
  id: 'card_track',
  title: 'Magnetic stripe track of a card',
  family: 'payment',
  sensitivity: 'critical',
  fields: ['track', 'trackone', 'tracktwo', 'trackdata', 'magstripe', 'magneticstripe'],
  find: [field],
  validate: (text) =>
    /^(?:%?B\d{12,19}\^[^^]{2,26}\^\d{4}|;?\d{12,19}[=D]\d{7,20}\??)/.test(text) && isCard(/\d{12,19}/.exec(text)?.[0] ?? ''),
  examples: {
    match: ['{"track2":";4111111111111111=25121011234567890?"}', '{"trackData":"%B4111111111111111^DOE/JANE^2512101"}'],
    ignore: ['{"track":"4"}', '{"track2":";4111111111111112=25121011234567890?"}'],
  },
};

export { isMainNetwork };
