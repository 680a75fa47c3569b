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

Custom types (\`dataTypes:\` in YAML) have \`id\`, \`pattern\` (RE2), and optionally \`title\`, \`sensitivity\`, \`fields\`, \`words\`, \`requireWords\`, \`caseSensitive\` and
\`validator\` (luhn, mod97, verhoeff, iban, card).

| id | title | family | sensitivity | country | found by | names |
|---|---|---|---|---|---|---|
${rows.join('\n')}
`;
}

const WAYS = { shape: 'form', run: 'form', prefix: 'form', scanner: 'form', whole: 'form', field: 'name' } as const;
