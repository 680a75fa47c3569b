import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import t from 'tap';
import { SourceError, WeirError } from '../exchange/index.js';
import { errorLine } from './output.js';

const errorOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => null,
    (error: unknown) => error,
  );

t.test('errors are one line each', async (t) => {
  const folder = t.testdir({ file: '' });
  const rows: [name: string, error: unknown, line: string][] = [
    ['of weir', new WeirError('A', 'It is so', { status: 400, hint: 'Do that.' }), 'weir: It is so. Do that.\n'],
    ['in a file', new SourceError('B', 'is wrong', { file: 'a.yaml', line: 2, column: 3 }), 'weir: a.yaml:2:3 is wrong\n'],
    ['a folder that is not there', await errorOf(readdir(`${folder}/nope`)), `weir: ${folder}/nope: there is no such file or folder.\n`],
    [
      'a file where a folder is needed',
      await errorOf(readdir(`${folder}/file`)),
      `weir: ${folder}/file: that is a file, a folder is needed.\n`,
    ],
    ['a folder where a file is needed', await errorOf(readFile(folder)), 'weir: that is a folder, a file is needed.\n'],
    ['a port where nobody is', await errorOf(once(connect(1, '127.0.0.1'), 'connect')), 'weir: 127.0.0.1:1: nothing listens there.\n'],
    ['something else', 'odd', 'weir: odd\n'],
  ];
  for (const [name, error, line] of rows) t.equal(errorLine(error), line, name);
});

t.test('an error of weir itself keeps its stack', async (t) => {
  t.match(errorLine(new TypeError('x is not a function')), /^weir: TypeError: x is not a function\n +at /);
});
