/** The number of a national identity card under a name that tells so, wherever it is from. */
import { digitsOf } from './checks.js';
import { numbered } from './government.js';
import { field } from './type.js';

export const nationalIdAny = numbered({
  id: 'national_id_any',
  title: 'National identity number, country not told',
  region: 'zz',
  fields: [
    'nationalid',
    'nationalidnumber',
    'nationalidentity',
    'nationalidentitynumber',
    'personalidnumber',
    'identitycardnumber',
    'identitynumber',
    'idcardnumber',
    'governmentid',
    'citizenid',
  ],
  shapes: [],
  find: [field],
  validate: (text) => /^[A-Z0-9][A-Z0-9 ./()-]{4,22}$/i.test(text) && digitsOf(text).length >= 5,
  match: ['{"nationalId":"AB-1234567"}', '{"national_id_number":"850101123"}'],
  ignore: ['{"nationalId":"pending"}', '{"nationalId":"12"}', 'AB-1234567'],
});
