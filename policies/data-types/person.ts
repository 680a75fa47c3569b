import { isDay } from './checks.js';
import { type DataType, field, shape } from './type.js';

const MONTHS = 'jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec';
/** Day, month and year in the usual spellings; null when it is none. */
export function parseDay(text: string): { year: number; month: number; day: number } | null {
  let found = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?$/.exec(text);
  if (found !== null) return valid(Number(found[1]), Number(found[2]), Number(found[3]));
  found = /^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})$/.exec(text);
  if (found !== null) {
    const year = found[3].length === 2 ? 1900 + Number(found[3]) : Number(found[3]);
    return valid(year, Number(found[1]), Number(found[2])) ?? valid(year, Number(found[2]), Number(found[1]));
  }
  found = /^(\d{4})(\d{2})(\d{2})$/.exec(text);
  if (found !== null) return valid(Number(found[1]), Number(found[2]), Number(found[3]));
  found = new RegExp(`^(?:(\\d{1,2})[. -]+)?(${MONTHS})[a-z]*[. -]+(?:(\\d{1,2}),? +)?(\\d{4})$`, 'i').exec(text);
  if (found !== null)
    return valid(Number(found[4]), MONTHS.split('|').indexOf(found[2].toLowerCase()) + 1, Number(found[1] ?? found[3] ?? 1));
  return null;
}
const valid = (year: number, month: number, day: number) => (isDay(year, month, day) ? { year, month, day } : null);

export const dateOfBirth: DataType = {
  id: 'date_of_birth',
  title: 'Date of birth',
  family: 'person',
  sensitivity: 'high',
  fields: [
    'dob',
    'dateofbirth',
    'birthdate',
    'birthday',
    'birthdt',
    'born',
    'geburtsdatum',
    'geburtstag',
    'datedenaissance',
    'fechanacimiento',
    'fechadenacimiento',
    'datadinascita',
    'datanascimento',
    'geboortedatum',
  ],
  words: ['date of birth', 'born on'],
  find: [shape(0.05, '9999-99-99', '9{1,2}[-/.]9{1,2}[-/.]9999')],
  validate: (text) => {
    const day = parseDay(text);
    return day !== null && day.year >= 1900 && day.year <= 2100;
  },
  examples: {
    match: ['{"dob":"1987-03-14"}', '{"birth_date":"14/03/1987"}', 'born on 14.03.1987', '{"dateOfBirth":"1987-03-14T00:00:00Z"}'],
    ignore: ['{"created":"1987-03-14"}', '{"dob":"1987-13-44"}', '2024-01-01'],
  },
};

/** Words that stand in name fields and are nobody's name. */
const NOT_A_NAME = /^(?:test|admin|user|guest|system|root|default|anonymous|name|none|first|last|full|true|false|yes|no|main|string)$/i;
export const personName: DataType = {
  id: 'person_name',
  title: "Person's name",
  family: 'person',
  sensitivity: 'medium',
  fields: [
    'firstname',
    'lastname',
    'fullname',
    'surname',
    'givenname',
    'familyname',
    'middlename',
    'maidenname',
    'forename',
    'firstnames',
    'cardholder',
    'cardholdername',
    'holdername',
    'customername',
    'patientname',
    'employeename',
    'accountholder',
    'accountholdername',
    'contactname',
    'recipientname',
    'legalname',
    'vorname',
    'nachname',
    'prenom',
    'nomdefamille',
    'apellido',
    'apellidos',
    'cognome',
    'sobrenome',
    'voornaam',
    'achternaam',
    'displayname',
  ],
  find: [field],
  validate: (text) =>
    text.length <= 80 && /^\p{L}[\p{L}\p{M}'’.-]*(?:[ ,]+\p{L}[\p{L}\p{M}'’.-]*){0,5}$/u.test(text) && !NOT_A_NAME.test(text),
  hinted: 0.75,
  examples: {
    match: ['{"firstName":"Ada"}', '{"full_name":"Grace B. Hopper"}', '{"nachname":"Müller-Lüdenscheidt"}'],
    ignore: ['{"firstName":"admin"}', '{"fileName":"Ada"}', '{"lastName":"4711"}', '{"productName":"Ada"}'],
  },
};

export const gender: DataType = {
  id: 'gender',
  title: 'Gender',
  family: 'person',
  sensitivity: 'low',
  fields: ['gender', 'sex', 'geschlecht', 'genero'],
  find: [field],
  validate: (text) => /^(?:m|f|x|d|w|male|female|man|woman|non-?binary|other|diverse|männlich|weiblich|divers|hombre|mujer)$/i.test(text),
  hinted: 0.7,
  examples: { match: ['{"gender":"female"}', '{"user":{"gender":"non-binary"}}'], ignore: ['{"gender":"sports"}', '{"g":"female"}'] },
};

export const specialCategory: DataType = {
  id: 'special_category',
  title: 'Religion, ethnicity, politics, orientation (GDPR article 9)',
  family: 'person',
  sensitivity: 'high',
  fields: [
    'religion',
    'ethnicity',
    'race',
    'ethnicorigin',
    'sexualorientation',
    'politicalparty',
    'politicalopinion',
    'politicalaffiliation',
    'tradeunion',
    'unionmembership',
    'religiousbelief',
    'konfession',
  ],
  find: [field],
  validate: (text) => /^\p{L}[\p{L} /'-]{2,60}$/u.test(text),
  hinted: 0.7,
  examples: {
    match: ['{"religion":"Buddhist"}', '{"ethnicity":"Pacific Islander"}'],
    ignore: ['{"religion":null}', '{"raceId":42}', '{"race":"12 km"}'],
  },
};

export const salary: DataType = {
  id: 'salary',
  title: 'Salary or income',
  family: 'person',
  sensitivity: 'high',
  fields: ['salary', 'annualsalary', 'basesalary', 'income', 'annualincome', 'grosspay', 'netpay', 'wage', 'gehalt', 'salaire', 'salario'],
  find: [field],
  validate: (text) => /^[$€£]? ?(?:\d{3,9}|\d{1,3}(?:[.,]\d{3})+)(?:[.,]\d{2})?(?: ?(?:USD|EUR|GBP|CHF|[$€£]))?$/.test(text),
  hinted: 0.75,
  examples: { match: ['{"salary":84000}', '{"annualIncome":"72,500.00 USD"}'], ignore: ['{"salary":"negotiable"}', '{"price":84000}'] },
};

export const date: DataType = {
  id: 'date',
  title: 'Date',
  family: 'person',
  sensitivity: 'low',
  fields: [],
  find: [
    shape(
      0.35,
      '9999-99-99',
      '9{1,2}[-/]9{1,2}[-/]9999',
      '99.99.9999',
      '99-AAA',
      '99-AAA-9999',
      '9{1,2}/9{2,4}',
      '9999-99-99A99',
      '9999-99-99 99',
    ),
    shape(0.1, '9{1,2}/9{1,2}/99'),
  ],
  validate: (text) => {
    if (parseDay(text) !== null) return true;
    const month = new RegExp(`^\\d{1,2}-(?:${MONTHS})[a-z]*(?:-\\d{2,4})?$`, 'i');
    const parts = /^(\d{1,2})\/(\d{1,2}|\d{4})$/.exec(text);
    return (
      month.test(text) ||
      (parts !== null &&
        Number(parts[1]) >= 1 &&
        Number(parts[1]) <= 12 &&
        (parts[2].length === 4 || (Number(parts[2]) >= 1 && Number(parts[2]) <= 31)))
    );
  },
  examples: { match: [], ignore: ['2024-01-01', '99/99'], candidate: ['2024-01-01', '5/21/2024'] },
};

export const timestamp: DataType = {
  id: 'timestamp',
  title: 'Timestamp (RFC 3339)',
  family: 'person',
  sensitivity: 'low',
  fields: [],
  find: [
    shape(
      0.3,
      ...['9999-99-99A99:99:99', '9999-99-99 99:99:99'].flatMap((start) =>
        ['', 'A', '.9{1,9}A', '[-+]99:99', '.9{1,9}[-+]99:99'].map((end) => start + end),
      ),
    ),
  ],
  validate: (text) => {
    const found = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?(?:[Zz]|[-+](\d\d):(\d\d))$/.exec(text);
    return (
      found !== null &&
      isDay(Number(found[1]), Number(found[2]), Number(found[3])) &&
      Number(found[4]) < 24 &&
      Number(found[5]) < 60 &&
      Number(found[6]) <= 60 &&
      Number(found[7] ?? 0) < 24 &&
      Number(found[8] ?? 0) < 60
    );
  },
  examples: { match: [], ignore: ['2024-01-01T10:00:00Z'], candidate: ['2024-01-01T10:00:00Z'] },
};
