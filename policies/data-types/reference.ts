import type { DataType } from './type.js';

/** The reference in docs/data-types.md: one row a type, in the order of the list. */
export function dataTypeReference(types: readonly DataType[]): string {
  const rows = types.map((type) => {
    const ways = [...new Set(type.find.map((find) => WAYS[find.by]))].join(', ');
    const fields = type.fields.slice(0, 4).join(', ') + (type.fields.length > 4 ? ', …' : '');
    return `| \`${type.id}\` | ${type.title} | ${type.family} | ${type.sensitivity} | ${type.region ?? ''} | ${ways}${type.validate === undefined ? '' : ', checked'} | ${fields} |`;
  });
  return `# Data types

${types.length} types. Generated from \`policies/data-types/\`; a test holds this page to the list (\`UPDATE_DOCS=1 npx tap policies/data-types\` rewrites it).

*Found by*: **form** = outline, start or scanner, reported where the form is telling enough; **name** = a field of one of these names (and the same words near a
value in text). *Checked* = check digits, ranges or structure are verified. Policies act on matches with a confidence of 0.5 and more: a bare number that merely
passes a check digit stays below that until a field name, its shape or a word nearby speaks for it.

## Your own

In the UI under Settings, Data types, or under \`dataTypes:\` in \`weir.yaml\`; found in the same places as the built-in ones, and by the same names in policies:

\`\`\`yaml
dataTypes:
  - {id: staff_badge, title: Staff badge, pattern: 'EMP-[0-9]{5}', fields: [badge], words: [employee, staff member], sensitivity: high}
  - {id: member_number, pattern: '[0-9]{10}', validator: luhn, words: [member], requireWords: true}
  - {id: nickname, fields: [nick_name, alias]}
\`\`\`

| key | meaning |
|---|---|
| \`id\` | name that policies use: lower-case letters, digits, \`_\`, \`-\` |
| \`pattern\` | RE2 (no back-references, linear cost), at most 1,000 characters; a match counts 0.75 |
| \`fields\` | names under which a match is certain (0.95); without a pattern, every value under one of them is meant |
| \`words\` | words within 72 bytes before or 24 after that make a match certain; \`staff member\` also stands for \`staffMember\` |
| \`requireWords\` | only next to one of the words or under one of the fields |
| \`validator\` | luhn, mod97, verhoeff, iban or card: a check that a value must pass |
| \`caseSensitive\` | true unless told |
| \`title\`, \`sensitivity\` | what people see; low, medium, high (unless told), critical |

A type with neither a pattern nor field names, or a pattern that RE2 refuses, is an error; the types in force stay. At most 100 types.

## Built in

| id | title | family | sensitivity | country | found by | names |
|---|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

const WAYS = { shape: 'form', run: 'form', prefix: 'form', scanner: 'form', whole: 'form', field: 'name' } as const;
