import t from 'tap';
import { z } from 'zod';
import { readYaml, type SourceError } from './index.js';

const schema = z.strictObject({
  mode: z.enum(['enforce', 'observe']).optional(),
  services: z
    .array(
      z.strictObject({
        name: z.string(),
        upstream: z.union([z.string(), z.strictObject({ url: z.string(), weight: z.number().optional() })]),
      }),
    )
    .default([]),
});

t.test('errors stand at their place and name the nearest key', async (t) => {
  const rows: [string, string, number, number, RegExp][] = [
    ['mode: observe\nservces: []\n', 'YAML_UNKNOWN_KEY', 2, 1, /"servces" is not a key here; did you mean "services"/],
    [
      'services:\n  - name: a\n    upstraem: x\n    upstream: y\n',
      'YAML_UNKNOWN_KEY',
      3,
      5,
      /^services\[0\]\.upstraem: "upstraem" is not a key here; did you mean "upstream"\?$/,
    ],
    ['services:\n  - name: a\n    upstream: {url: x, wieght: 2}\n', 'YAML_UNKNOWN_KEY', 3, 24, /did you mean "weight"/],
    ['services:\n  - name: 5\n    upstream: y\n', 'YAML_INVALID', 2, 11, /^services\[0\]\.name: 5 is not accepted; expected text$/],
    ['services:\n  - nmae: a\n    upstream: y\n', 'YAML_UNKNOWN_KEY', 2, 5, /^services\[0\]\.nmae: .*; did you mean "name"/],
    ['mode: [1, 2\n', 'YAML_SYNTAX', 2, 1, /a bracket before it is not closed/],
    ['mode: observe\nmode: enforce\n', 'YAML_SYNTAX', 2, 1, /^this key is in the mapping twice$/],
    ['mode: sideways\n', 'YAML_INVALID', 1, 7, /^mode: "sideways" is not accepted; expected one of enforce, observe$/],
    ['mode: observ\n', 'YAML_INVALID', 1, 7, /did you mean "observe"/],
    ['- a\n', 'YAML_INVALID', 1, 1, /^a list is not accepted; expected a mapping$/],
  ];
  for (const [text, code, line, column, message] of rows) {
    try {
      readYaml(text, 'f.yaml', schema);
      t.fail(text);
    } catch (error) {
      t.match(error, { code, line, column, file: 'f.yaml' }, text);
      t.match((error as SourceError).message, message);
    }
  }
});

t.test('a good file gives its value; an alias bomb does not', async (t) => {
  t.same(readYaml('mode: enforce\n', 'f', schema), { mode: 'enforce', services: [] });
  t.same(readYaml('', 'f', schema), { services: [] });
  const bomb = `a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c]\n`;
  t.throws(() => readYaml(bomb, 'f', schema), { code: 'YAML_SYNTAX', message: /alias/i });
});
