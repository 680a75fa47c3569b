/** Numbers that states of Asia give to persons and companies, with their check digits. */
import { compact, digitAt, digitsOf, isDay, isRepeated, isShortDay, luhn, verhoeff, weighted } from './checks.js';
import { BARE, numbered, SPACED, TELLING } from './government.js';

const CN_PROVINCES = /^(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])/;
export const nationalIdCn = numbered({
  id: 'national_id_cn',
  title: 'Chinese resident identity number',
  region: 'cn',
  fields: ['shenfenzheng', 'residentid', 'idcard', 'chineseid', 'sfz'],
  shapes: [
    [0.6, '9{18}', '9{17}A'],
    [BARE, '9{15}'],
  ],
  validate: (text) => {
    const number = text.toUpperCase();
    if (!CN_PROVINCES.test(number)) return false;
    if (/^\d{15}$/.test(number)) return isDay(1900 + Number(number.slice(6, 8)), Number(number.slice(8, 10)), Number(number.slice(10, 12)));
    if (
      !/^\d{17}[\dX]$/.test(number) ||
      !isDay(Number(number.slice(6, 10)), Number(number.slice(10, 12)), Number(number.slice(12, 14))) ||
      !/^(?:18|19|20)/.test(number.slice(6))
    )
      return false;
    return '10X98765432'[weighted(number, [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]) % 11] === number[17];
  },
  match: ['{"x":"11010519491231002X"}'],
  ignore: ['110105194912310021', '11010519491331002X', '{"x":"010105194912310020"}'],
});

export const nationalIdHk = numbered({
  id: 'national_id_hk',
  title: 'Hong Kong identity card number',
  region: 'hk',
  fields: ['hkid', 'hkidnumber', 'hkidcard'],
  shapes: [
    [0.75, 'A{1,2}9{6}(#)'],
    [SPACED, 'A{1,2}9{6}#'],
  ],
  validate: (text) => {
    const code = compact(text);
    const found = /^([A-Z]{1,2})(\d{6})([\dA])$/.exec(code);
    if (found === null) return false;
    const letters = found[1].length === 1 ? [36, found[1].charCodeAt(0) - 55] : [found[1].charCodeAt(0) - 55, found[1].charCodeAt(1) - 55];
    const sum = letters[0] * 9 + letters[1] * 8 + weighted(found[2], [7, 6, 5, 4, 3, 2]) + (found[3] === 'A' ? 10 : Number(found[3]));
    return sum % 11 === 0;
  },
  match: ['{"hkid":"A123456(3)"}', 'HKID A1234563'],
  ignore: ['{"hkid":"A123456(4)"}', 'A1234563'],
  candidate: ['A123456(3)'],
});

export const nationalIdIl = numbered({
  id: 'national_id_il',
  title: 'Israeli identity number',
  region: 'il',
  fields: ['teudatzehut', 'israeliid', 'mispazehut'],
  shapes: [[BARE, '9{9}']],
  validate: (text) => /^\d{9}$/.test(text) && !isRepeated(text) && luhn(text),
  match: ['{"teudatZehut":"123456782"}'],
  ignore: ['{"teudatZehut":"123456783"}', '123456782'],
  candidate: ['123456782'],
});

export const nationalIdIn = numbered({
  id: 'national_id_in',
  title: 'Indian Aadhaar number',
  region: 'in',
  fields: ['aadhaar', 'aadhar', 'aadhaarnumber', 'uidai', 'aadharnumber'],
  shapes: [
    [0.55, '9999 9999 9999', '9999-9999-9999'],
    [BARE, '9{12}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    return /^[2-9]\d{11}$/.test(d) && d !== [...d].reverse().join('') && verhoeff(d);
  },
  keepLast: 4,
  match: ['{"aadhaar":"391993396140"}', 'Aadhaar 9780 6568 4089'],
  ignore: ['{"aadhaar":"123456789012"}', '391993396140'],
});

export const inPan = numbered({
  id: 'in_pan',
  title: 'Indian permanent account number (PAN)',
  region: 'in',
  family: 'tax',
  fields: ['pan', 'pannumber', 'pancard', 'permanentaccountnumber'],
  shapes: [[0.6, 'A{5}9999A']],
  // The fourth letter is the kind of holder.
  validate: (text) => /^[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]$/.test(text),
  match: ['{"x":"AFZPK7190K"}'],
  ignore: ['AFZXK7190K', 'AFZPK71901', 'afzpk7190k'],
});

export const inGstin = numbered({
  id: 'in_gstin',
  title: 'Indian goods and services tax number (GSTIN)',
  region: 'in',
  family: 'tax',
  sensitivity: 'medium',
  fields: ['gstin', 'gst', 'gstnumber', 'gstno'],
  shapes: [[0.7, '99A{5}9999A#A#']],
  validate: (text) => /^(?:0[1-9]|[12]\d|3[0-8]|9[79])[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]$/.test(text),
  match: ['{"x":"27AAPFU0939F1ZV"}'],
  ignore: ['39AAPFU0939F1ZV', '27AAPFU0939F1YV'],
});
export const inVoter = numbered({
  id: 'in_voter',
  title: 'Indian voter card number (EPIC)',
  region: 'in',
  fields: ['voterid', 'epic', 'voteridnumber', 'electionid'],
  shapes: [[SPACED, 'AAA9{7}']],
  validate: (text) => /^[A-Z]{3}\d{7}$/i.test(text),
  match: ['{"voterId":"ABC1234567"}'],
  ignore: ['{"voterId":"AB12345678"}', 'ABC1234567'],
  candidate: ['ABC1234567'],
});

export const nationalIdIr = numbered({
  id: 'national_id_ir',
  title: 'Iranian national code',
  region: 'ir',
  fields: ['codemelli', 'kodemelli', 'iraniannationalid'],
  shapes: [[BARE, '9{10}']],
  validate: (text) => {
    if (!/^\d{10}$/.test(text) || isRepeated(text)) return false;
    const rest = weighted(text, [10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    return digitAt(text, 9) === (rest < 2 ? rest : 11 - rest);
  },
  match: ['{"codeMelli":"0022445196"}'],
  ignore: ['{"codeMelli":"1234567890"}', '0022445196'],
});

const rrnCheck = (d: string): number => (11 - (weighted(d, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11)) % 10;
const rrnDay = (d: string): boolean =>
  isDay(
    ([1, 2, 5, 6].includes(digitAt(d, 6)) ? 1900 : [9, 0].includes(digitAt(d, 6)) ? 1800 : 2000) + Number(d.slice(0, 2)),
    Number(d.slice(2, 4)),
    Number(d.slice(4, 6)),
  );
export const nationalIdKr = numbered({
  id: 'national_id_kr',
  title: 'South Korean resident registration number',
  region: 'kr',
  sensitivity: 'critical',
  fields: ['rrn', 'residentregistrationnumber', 'jumin', 'juminbeonho'],
  shapes: [
    [0.7, '999999-9999999'],
    [0.3, '9{13}'],
  ],
  // The region and check digits are random for numbers given since October 2020: only the date and the century can be told of those.
  validate: (text) => {
    const d = digitsOf(text);
    return /^\d{6}-?[0-49]\d{6}$/.test(text) && rrnDay(d) && (rrnCheck(d) === digitAt(d, 12) || /[34]/.test(d[6]));
  },
  match: ['{"rrn":"660413-1577682"}'],
  ignore: ['{"rrn":"991301-1234567"}'],
});
export const krForeigner = numbered({
  id: 'kr_frn',
  title: 'South Korean foreigner registration number',
  region: 'kr',
  fields: ['frn', 'foreignerregistrationnumber', 'alienregistrationnumber', 'arc'],
  shapes: [
    [0.7, '999999-9999999'],
    [0.3, '9{13}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    return (
      /^\d{6}-?[5-8]\d{6}$/.test(text) &&
      rrnDay(d) &&
      (13 - (weighted(d, [2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11)) % 10 === digitAt(d, 12)
    );
  },
  match: ['{"frn":"400819-7337311"}'],
  ignore: ['{"frn":"991301-5234567"}'],
});
export const krBusiness = numbered({
  id: 'kr_brn',
  title: 'South Korean business registration number',
  region: 'kr',
  family: 'tax',
  sensitivity: 'low',
  fields: ['brn', 'businessregistrationnumber', 'saeopja'],
  shapes: [
    [0.5, '999-99-99999'],
    [BARE, '9{10}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    if (!/^\d{3}-?\d{2}-?\d{5}$/.test(text)) return false;
    return (
      (10 - ((weighted(d, [1, 3, 7, 1, 3, 7, 1, 3]) + Math.floor((digitAt(d, 8) * 5) / 10) + ((digitAt(d, 8) * 5) % 10)) % 10)) % 10 ===
      digitAt(d, 9)
    );
  },
  match: ['{"brn":"124-81-00998"}'],
  ignore: ['124-81-00999', '1248100998'],
});
export const krDriver = numbered({
  id: 'driver_license_kr',
  title: 'South Korean driver licence number',
  region: 'kr',
  fields: ['driverlicense', 'driverslicense', 'licensenumber'],
  words: ['license', 'licence'],
  shapes: [[TELLING, '99-99-999999-99']],
  validate: (text) => /^(?:1[1-9]|2[0-8])-\d\d-\d{6}-\d\d$/.test(text),
  match: ['{"x":"21-19-123456-12"}'],
  ignore: ['99-22-123456-12', '21-19-12345-12'],
});

export const nationalIdLk = numbered({
  id: 'national_id_lk',
  title: 'Sri Lankan identity card number',
  region: 'lk',
  fields: ['nic', 'nicnumber'],
  shapes: [
    [SPACED, '9{9}A'],
    [BARE, '9{12}'],
  ],
  validate: (text) => {
    const found = /^(?:[1-9]\d|(?:19|20)\d\d)(\d{3})\d{4}[VX]?$/i.exec(text);
    const day = Number(found?.[1]) % 500;
    return found !== null && (text.length === 12 || /[VX]$/i.test(text)) && day >= 1 && day <= 366;
  },
  match: ['{"nic":"853400937V"}'],
  ignore: ['{"nic":"853400937A"}', '853400937V'],
  candidate: ['853400937V'],
});

export const nationalIdPk = numbered({
  id: 'national_id_pk',
  title: 'Pakistani identity card number (CNIC)',
  region: 'pk',
  fields: ['cnic', 'cnicnumber', 'nicop'],
  shapes: [
    [0.65, '99999-9999999-9'],
    [0.05, '9{13}'],
  ],
  validate: (text) => /^[1-7]\d{4}-?\d{7}-?[1-9]$/.test(text),
  match: ['{"x":"35202-1234567-1"}'],
  ignore: ['85202-1234567-1', '35202-123456-1'],
});

export const nationalIdSg = numbered({
  id: 'national_id_sg',
  title: 'Singapore NRIC or FIN',
  region: 'sg',
  fields: ['nric', 'fin', 'nricnumber', 'finnumber'],
  shapes: [[0.45, 'A9{7}A']],
  validate: (text) => {
    const code = text.toUpperCase();
    if (!/^[STFGM]\d{7}[A-Z]$/.test(code)) return false;
    const sum = weighted(code.slice(1), [2, 7, 6, 5, 4, 3, 2]) + (code[0] === 'T' || code[0] === 'G' ? 4 : code[0] === 'M' ? 3 : 0);
    const table = code[0] === 'S' || code[0] === 'T' ? 'JZIHGFEDCBA' : code[0] === 'M' ? 'XWUTRQPNJLK' : 'XWUTRQPNMLK';
    return table[code[0] === 'M' ? 10 - (sum % 11) : sum % 11] === code[8];
  },
  match: ['{"nric":"S1234567D"}', 'NRIC S1234567D'],
  ignore: ['{"nric":"S1234567A"}', 'X1234567D'],
  candidate: ['S1234567D'],
});
export const sgUen = numbered({
  id: 'sg_uen',
  title: 'Singapore entity number (UEN)',
  region: 'sg',
  family: 'tax',
  sensitivity: 'low',
  fields: ['uen', 'uennumber'],
  shapes: [[SPACED, '9{8}A', '9{9}A', 'A99AA9999A']],
  validate: (text) => {
    if (/^\d{8}[A-Z]$/.test(text)) return 'XMKECAWLJDB'[weighted(text, [10, 4, 9, 3, 8, 2, 7, 1]) % 11] === text[8];
    if (/^(?:19|20)\d{7}[A-Z]$/.test(text)) return 'ZKCMDNERGWH'[weighted(text, [10, 8, 6, 4, 9, 7, 5, 3, 1]) % 11] === text[9];
    return /^[RST]\d\d(?:LP|LL|FC|PF|RF|MQ|MM|NB|CC|CS|MB|FM|GS|DP|CP|NR|CM|CD|MD|HS|VH|CH|MH|CL|XL|CX|RP|TU|TC|FB|FN|PA|PB|SS|MC|SM|GA|GB)\d{4}[A-Z]$/.test(
      text,
    );
  },
  match: ['{"uen":"196401397M"}'],
  ignore: ['{"uen":"53125226A"}'],
});

export const nationalIdTh = numbered({
  id: 'national_id_th',
  title: 'Thai identification number',
  region: 'th',
  fields: ['thaiid', 'thainationalid'],
  shapes: [
    [0.7, '9-9999-99999-99-9'],
    [BARE, '9{13}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    return (
      /^[1-8](?:1\d|2[0-7]|3\d|4\d|5[0-8]|6[0-7]|7[0-7]|8[0-6]|9[0-6])\d{10}$/.test(d) &&
      !isRepeated(d) &&
      (11 - (weighted(d, [13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11)) % 10 === digitAt(d, 12)
    );
  },
  match: ['{"x":"1-1017-00230-70-8"}'],
  ignore: ['1-1017-00230-70-9', '1101700230708'],
});

export const nationalIdTr = numbered({
  id: 'national_id_tr',
  title: 'Turkish identification number',
  region: 'tr',
  fields: ['tckn', 'tckimlik', 'tckimlikno', 'kimlikno', 'turkishid', 'tcno'],
  shapes: [[BARE, '9{11}']],
  validate: (text) => {
    if (!/^[1-9]\d{10}$/.test(text)) return false;
    const odd = weighted(text, [1, 0, 1, 0, 1, 0, 1, 0, 1]);
    const even = weighted(text, [0, 1, 0, 1, 0, 1, 0, 1]);
    return (((odd * 7 - even) % 10) + 10) % 10 === digitAt(text, 9) && (odd + even + digitAt(text, 9)) % 10 === digitAt(text, 10);
  },
  match: ['{"tckn":"10000000146"}'],
  ignore: ['{"tckn":"10000000147"}', '10000000146'],
  candidate: ['10000000146'],
});

export const nationalIdTw = numbered({
  id: 'national_id_tw',
  title: 'Taiwanese identity card number',
  region: 'tw',
  fields: ['taiwanid', 'twid', 'nationalidtw'],
  shapes: [[SPACED, 'A9{9}']],
  validate: (text) => {
    const code = text.toUpperCase();
    if (!/^[A-Z][1289]\d{8}$/.test(code)) return false;
    const letter = 'ABCDEFGHJKLMNPQRSTUVXYWZIO'.indexOf(code[0]) + 10;
    return (Math.floor(letter / 10) + (letter % 10) * 9 + weighted(code.slice(1), [8, 7, 6, 5, 4, 3, 2, 1, 1])) % 10 === 0;
  },
  match: ['{"twid":"A123456789"}'],
  ignore: ['{"twid":"A123456788"}', 'A123456789'],
  candidate: ['A123456789'],
});

export const nationalIdJp = numbered({
  id: 'national_id_jp',
  title: 'Japanese individual number (My Number)',
  region: 'jp',
  fields: ['mynumber', 'kojinbango', 'individualnumber'],
  shapes: [
    [0.2, '9999 9999 9999', '9999-9999-9999'],
    [BARE, '9{12}'],
  ],
  validate: (text) => {
    const d = digitsOf(text);
    const rest = weighted(d, [6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    return /^\d{12}$/.test(d) && !isRepeated(d) && (rest < 2 ? 0 : 11 - rest) === digitAt(d, 11);
  },
  match: ['{"myNumber":"159988841551"}'],
  ignore: ['{"myNumber":"123456789012"}', '159988841551'],
});

export const nationalIdId = numbered({
  id: 'national_id_id',
  title: 'Indonesian identity number (NIK)',
  region: 'id',
  fields: ['nik', 'nomorktp', 'ktp', 'noktp'],
  shapes: [[0.15, '9{16}']],
  validate: (text) => {
    const day = Number(text.slice(6, 8)) % 40;
    return (
      /^[1-9]\d{15}$/.test(text) &&
      isShortDay(text.slice(10, 12) + text.slice(8, 10) + String(day).padStart(2, '0')) &&
      Number(text.slice(0, 2)) >= 11 &&
      Number(text.slice(0, 2)) <= 97
    );
  },
  match: ['{"nik":"6086064205954677"}'],
  ignore: ['{"nik":"3171239967890123"}'],
});

export const nationalIdMy = numbered({
  id: 'national_id_my',
  title: 'Malaysian identity card number (MyKad)',
  region: 'my',
  fields: ['mykad', 'icnumber', 'nokp', 'nric'],
  shapes: [
    [0.6, '999999-99-9999'],
    [BARE, '9{12}'],
  ],
  validate: (text) => /^\d{6}-?(?:0[1-9]|[1-5]\d|[67]1|7[45679]|8[2-9]|9[0-389])-?\d{4}$/.test(text) && isShortDay(digitsOf(text)),
  match: ['{"x":"880305-14-5673"}'],
  ignore: ['881305-14-5673', '880305145673'],
});

export const nationalIdAe = numbered({
  id: 'national_id_ae',
  title: 'Emirates ID number',
  region: 'ae',
  fields: ['emiratesid', 'eid', 'emiratesidnumber'],
  shapes: [
    [0.85, '999-9999-9999999-9'],
    [BARE, '9{15}'],
  ],
  validate: (text) => /^784-?(?:19|20)\d\d-?\d{7}-?\d$/.test(text) && luhn(digitsOf(text)),
  match: ['{"x":"784-1917-5646350-0"}'],
  ignore: ['785-1980-1234567-1'],
});

export const nationalIdKz = numbered({
  id: 'national_id_kz',
  title: 'Kazakh individual number (IIN)',
  region: 'kz',
  fields: ['iin'],
  shapes: [[BARE, '9{12}']],
  validate: (text) => {
    if (!/^\d{6}[0-6]\d{5}$/.test(text) || !isShortDay(text)) return false;
    let rest = weighted(text, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]) % 11;
    if (rest === 10) rest = weighted(text, [3, 4, 5, 6, 7, 8, 9, 10, 11, 1, 2]) % 11;
    return rest === digitAt(text, 11);
  },
  match: ['{"iin":"820404038233"}'],
  ignore: ['{"iin":"991301123456"}'],
});
