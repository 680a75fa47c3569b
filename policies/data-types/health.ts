import { type DataType, field, shape } from './type.js';

export const icdCode: DataType = {
  id: 'icd_code',
  title: 'Diagnosis code (ICD-10)',
  family: 'health',
  sensitivity: 'high',
  fields: ['icd', 'icdcode', 'diagnosiscode', 'diagnosis', 'diagnosticcode', 'primarydiagnosis'],
  words: ['diagnosis', 'diagnosed', 'icd'],
  find: [shape(0.2, 'A99.9{1,2}', 'A99.9{1,2}#')],
  validate: (text) => /^[A-TV-Z]\d[0-9AB](?:\.[0-9A-KXZ]{1,4})?$/.test(text),
  examples: {
    match: ['{"diagnosisCode":"E11.9"}', 'diagnosis F32.1', '{"icd10":"J45.909"}'],
    ignore: ['{"version":"E11.9"}', '{"diagnosisCode":"pending"}', 'E11.9'],
    candidate: ['E11.9'],
  },
};

export const medicalRecord: DataType = {
  id: 'medical_record_number',
  title: 'Medical record or patient number',
  family: 'health',
  sensitivity: 'high',
  fields: [
    'mrn',
    'medicalrecordnumber',
    'medicalrecord',
    'patientid',
    'patientnumber',
    'healthid',
    'healthcardnumber',
    'healthinsurancenumber',
    'insurancemembernumber',
    'memberid',
    'patientenid',
  ],
  find: [field],
  validate: (text) => /^[A-Z]{0,4}[- ]?\d[\d -]{3,15}[A-Z]?$/i.test(text),
  hinted: 0.75,
  examples: { match: ['{"mrn":"00123456"}', '{"patientId":"P-104882"}'], ignore: ['{"mrn":"none"}', '{"patientIdType":"internal"}'] },
};

const CONDITIONS =
  /\b(?:diabet|cancer|carcinoma|tumou?r|hiv|aids|hepatitis|asthma|depress|schizophren|bipolar|epilep|alzheimer|dementia|pregnan|leukemi|lymphoma|cirrhosis|hypertens|parkinson|sclerosis|covid|tubercul|anorexi|autis|arthritis|insulin|chemotherap|metformin|sertraline)/i;
export const healthCondition: DataType = {
  id: 'health_condition',
  title: 'Diagnosis, condition or medication in words',
  family: 'health',
  sensitivity: 'high',
  fields: [
    'diagnosis',
    'medicalcondition',
    'condition',
    'conditions',
    'disease',
    'illness',
    'disability',
    'medication',
    'medications',
    'prescription',
    'allergy',
    'allergies',
    'symptoms',
    'bloodtype',
    'bloodgroup',
    'treatment',
    'diagnoses',
    'healthstatus',
    'medicalhistory',
  ],
  find: [field],
  validate: (text) => text.length <= 256 && (CONDITIONS.test(text) || /^(?:A|B|AB|O|0)[+-]$/.test(text)),
  hinted: 0.8,
  examples: {
    match: ['{"diagnosis":"Type 2 diabetes"}', '{"bloodType":"AB-"}'],
    ignore: ['{"condition":"new"}', '{"diagnosis":"none"}', 'Type 2 diabetes'],
  },
};
