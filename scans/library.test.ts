import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import t from 'tap';
import { packageRoot } from '../exchange/index.js';
import { runCases } from './language/cases.js';
import { testFiles } from './language/check.js';
import { compileTest } from './language/compile.js';

const folder = join(packageRoot(), 'scans', 'library');

t.test('every test of the library finds what it must and nothing else', async (t) => {
  const files = await testFiles(folder);
  t.ok(files.length >= 150, `${files.length} tests`);
  const categories = new Set<string>();
  const wrong: string[] = [];
  let cases = 0;
  for (const file of files) {
    const path = join(folder, file);
    const definition = compileTest(await readFile(path, 'utf8'), file);
    categories.add(definition.owasp);
    if (definition.warnings.length > 0 || definition.remediation === '' || definition.cwe.length === 0)
      wrong.push(`${file}: ${definition.warnings.join(' ')}`);
    const results = runCases(definition, await readFile(path.replace(/\.yaml$/, '.cases.yaml'), 'utf8'), file);
    cases += results.length;
    for (const one of results)
      if (one.got !== one.expected)
        wrong.push(`${file}: ${one.name}: expected ${one.expected}, got ${one.got} (${one.explanation}) after ${one.sent.join(' | ')}`);
    if (!results.some((one) => one.expected === 'vulnerable') || results.length < 2)
      wrong.push(`${file}: needs a case that must find and one that must not`);
  }
  t.strictSame(wrong, []);
  t.equal(categories.size, 10, 'all of the OWASP API Top 10');
  t.comment(`${files.length} tests, ${cases} cases`);
});
