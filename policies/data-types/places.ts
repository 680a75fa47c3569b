import { type DataType, field, shape } from './type.js';

/** Forms of postal codes, from the Universal Postal Union's addressing sheets. */
const POSTAL: Readonly<Record<string, RegExp>> = {
  digits: /^\d{3,7}$/,
  us: /^\d{5}-\d{4}$/,
  gb: /^(?:GIR ?0AA|[A-PR-UWYZ](?:\d{1,2}|[A-HK-Y]\d{1,2}|\d[A-HJKPSTUW]|[A-HK-Y]\d[ABEHMNPRVWXY]) ?\d[ABD-HJLNP-UW-Z]{2})$/i,
  ca: /^[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]?\d[ABCEGHJ-NPRSTV-Z]\d$/i,
  nl: /^[1-9]\d{3} ?(?!SA|SD|SS)[A-Z]{2}$/i,
  ie: /^(?:D6W|[AC-FHKNPRTV-Y]\d[0-9W]|[AC-FHKNPRTV-Y]6W) ?[0-9AC-FHKNPRTV-Y]{4}$/i,
  pl: /^\d{2}-\d{3}$/,
  pt: /^\d{4}-\d{3}$/,
  jp: /^\d{3}-\d{4}$/,
  br: /^\d{5}-?\d{3}$/,
  se: /^[1-9]\d{2} \d{2}$/,
  ar: /^[A-HJ-NP-Z]\d{4}[A-Z]{3}$/i,
  ad: /^AD[1-7]00$/i,
  az: /^AZ ?\d{4}$/i,
  ht: /^HT ?\d{4}$/i,
  mt: /^[A-Z]{3} ?\d{4}$/i,
  il: /^\d{7}$/,
};
export const isPostalCode = (text: string): boolean => Object.values(POSTAL).some((form) => form.test(text));

export const postalCode: DataType = {
  id: 'postal_code',
  title: 'Postal code',
  family: 'contact',
  sensitivity: 'low',
  fields: [
    'zip',
    'zipcode',
    'postcode',
    'postalcode',
    'plz',
    'postleitzahl',
    'codepostal',
    'codigopostal',
    'cep',
    'cap',
    'postnummer',
    'eircode',
  ],
  words: ['zip code', 'postal code', 'postcode', 'postleitzahl'],
  find: [
    shape(0.35, 'A{1,2}9{1,2} 9AA', 'A{1,2}9A 9AA', 'A9A 9A9', 'A9A-9A9'),
    shape(0.3, 'A{1,2}9{1,2}9AA', 'AA9A9AA', '9999 AA', 'A99 ####', 'A9A ####', 'A9999AAA'),
    shape(
      0.1,
      '9{3,7}',
      '9{8}',
      '99-999',
      '9999-999',
      '999-9999',
      '99999-9999',
      '99999-999',
      '999 99',
      '9999AA',
      'AA999',
      'AA9999',
      'AA 9999',
      'AAA9999',
      'AAA 9999',
      'A9A9A9',
      'A9AA9AA',
    ),
  ],
  hinted: 0.8,
  validate: isPostalCode,
  examples: {
    match: ['{"zip":"90210"}', '{"postcode":"SW1A 1AA"}', 'postal code K1A 0B1'],
    ignore: ['{"id":"90210"}', '{"zip":"unknown"}', 'SW1A 1AA'],
    candidate: ['SW1A 1AA', '90210'],
  },
};

const STREET =
  /\b(?:st(?:reet)?|ave(?:nue)?|road|rd|lane|ln|drive|dr|blvd|boulevard|court|ct|way|place|pl|square|sq|terrace|close|crescent|highway|hwy|parkway|rue|via|calle|avenida|rua|platz|weg|allee|gasse|laan|plein)\b|(?:stra(?:ß|ss)e|str\.|straat|weg|platz|gasse|gatan|vej|gata|katu)(?:\b|$)/i;
export const postalAddress: DataType = {
  id: 'postal_address',
  title: 'Postal address',
  family: 'contact',
  sensitivity: 'medium',
  fields: [
    'address',
    'streetaddress',
    'addressline',
    'addressone',
    'street',
    'homeaddress',
    'billingaddress',
    'shippingaddress',
    'mailingaddress',
    'postaladdress',
    'deliveryaddress',
    'residentialaddress',
    'anschrift',
    'adresse',
    'direccion',
    'indirizzo',
    'endereco',
    'strasse',
  ],
  find: [field],
  // A street name or a number beside words; an IP or e-mail address is another type.
  validate: (text) =>
    text.length >= 6 &&
    text.length <= 256 &&
    !text.includes('@') &&
    !/^https?:|^0x|^[\d.:a-f/]+$/i.test(text) &&
    ((/\d/.test(text) && /[\p{L}]{3}/u.test(text) && /\s/.test(text)) || STREET.test(text)),
  hinted: 0.8,
  examples: {
    match: [
      '{"address":"742 Evergreen Terrace, Springfield"}',
      '{"streetAddress":"Hauptstraße 5"}',
      '{"shipping_address":"12 Rue de la Paix, Paris"}',
    ],
    ignore: [
      '{"address":"10.0.0.1"}',
      '{"emailAddress":"jo@example.com"}',
      '{"address":"unknown"}',
      '{"address":"0x52908400098527886E0F7030069857D2E4169EE7"}',
    ],
  },
};
