import path from 'node:path';
import t from 'tap';
import { main } from './main.js';

/** One command line: how it ends and what it says. */
async function said(...argv: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  const code = await main(argv, {
    write: (text) => {
      out += text;
    },
    error: (text) => {
      err += text;
    },
    isTty: false,
    columns: 80,
  });
  return { code, out, err };
}

t.test('what is wrong with a command line is one line that says what is allowed; nothing runs', async (t) => {
  const folder = t.testdir({ empty: {}, 'a.txt': 'hello\n', 'none.txt': '', 'a.json': '{"a":', policies: { 'a.md': '' }, data: 'a file' });
  const at = (name: string): string => path.join(folder, name);
  const nowhere = ['--data', at('empty')];
  const rows: [argv: string[], line: string | RegExp][] = [
    [['inventry'], 'there is no command "inventry"; did you mean inventory? See weir --help.'],
    [['help', 'nothing'], 'there is no command "nothing". See weir --help.'],
    [['block', 'lst'], 'there is no command "lst"; did you mean ls? See weir block --help.'],
    [['up', '--prt', '1'], 'there is no option --prt; did you mean --port? See weir up --help.'],
    [['up', '--port', 'abc'], '--port: "abc" is not accepted; expected a port from 0 to 65535. See weir up --help.'],
    [['up', '--mode', 'all'], '--mode: "all" is not accepted; expected enforce, observe, mirror. See weir up --help.'],
    [['up', '--upstream'], '--upstream needs a value: --upstream <url>. See weir up --help.'],
    [['up', 'extra'], 'up takes no words, not 1. See weir up --help.'],
    [['block', 'add'], '<value> is missing. See weir block add --help.'],
    [['block', 'add', '1.2.3.4', '--kind', 'x'], /^--kind: "x" is not accepted; expected one of address, cidr, /],
    [
      ['block', 'add', '1.2.3.4', '--per-minute', '-5'],
      '--per-minute: "-5" is not accepted; expected a whole number from 1. See weir block add --help.',
    ],
    [['block', 'add', '1.2.3.4', '--per-minute', '5', ...nowhere], '--per-minute belongs to --action throttle. See weir block add --help.'],
    [['block', 'allow', 'x'], '--reason <text> is missing. See weir block allow --help.'],
    [['mode', 'all'], 'mode: "all" is not accepted; expected one of enforce, observe, mirror. See weir mode --help.'],
    [['scan'], '--target <url> is missing. See weir scan --help.'],
    [['up', '--config', folder], `The config file ${folder} cannot be read: that is a folder, a file is needed.`],
    [
      ['up', '--upstream', 'http://127.0.0.1:1', '--policies', at('a.txt')],
      `The policy folder ${at('a.txt')} is a file. Give the folder that holds it.`,
    ],
    [
      ['up', '--upstream', 'http://127.0.0.1:1', '--data', at('data')],
      `The data folder ${at('data')} is a file. Give another with --data DIR.`,
    ],
    [
      ['up', '--upstream', 'http://127.0.0.1:1', '--postgres', 'foo'],
      '--postgres: "foo" is not a PostgreSQL URL. Write postgres://user:password@host[:port]/database.',
    ],
    [['inventory', '--admin', 'foo', '--token', 't'], '--admin: "foo" is not a URL such as http://127.0.0.1:9090.'],
    [['inventory', ...nowhere], /^No weir runs on the data folder /],
    [['doctor', '--health', ...nowhere], /^No weir runs on the data folder /],
    [
      ['import', 'exchanges', at('a.txt'), ...nowhere],
      `No weir runs on the data folder ${at('empty')}. Start one with npm start, or name it with --data DIR, or --admin URL --token TOKEN.`,
    ],
    [['policies', 'check', at('none')], `There is no folder ${at('none')}.`],
    [['policies', 'check', at('a.txt')], `${at('a.txt')} is a file. Give the folder that holds it.`],
    [['policies', 'check', at('policies')], `There is no policy file (.yaml, .yml) in ${at('policies')}.`],
    [['policies', 'test', at('empty')], `There is no policy file (.yaml, .yml) in ${at('empty')}.`],
    [['policies', 'replay', at('empty'), '--from', at('a.txt')], `There is no policy file (.yaml, .yml) in ${at('empty')}.`],
    [['policies', 'replay', '--from', folder], `${folder} is a folder. NDJSON exchanges, HAR and captures are understood.`],
    [['policies', 'replay', '--from', at('a.txt')], new RegExp(`^${at('a.txt')}: not a capture: .*by its name`)],
    [
      ['policies', 'replay', '--from', at('a.json')],
      new RegExp(`^${at('a.json')}:1:6 a ":", a ",", a bracket or a quote is missing here\\. Correct`),
    ],
    [['tests', 'check', at('none')], `There is no folder ${at('none')}.`],
    [['tests', 'check', at('a.txt')], `${at('a.txt')} is a file. Give the folder that holds it.`],
    [['tests', 'check', at('empty')], `There is no test file (.yaml, .yml) in ${at('empty')}.`],
    [
      ['scan', '--target', 'http://127.0.0.1:1', '--openapi', at('none')],
      `${at('none')} cannot be read: there is no such file or folder (see weir scan --help)`,
    ],
    [
      ['scan', '--target', 'http://127.0.0.1:1', '--openapi', folder],
      `${folder} cannot be read: that is a folder, a file is needed (see weir scan --help)`,
    ],
    [['scan', '--target', 'http://127.0.0.1:1', '--har', at('a.txt')], new RegExp(`^${at('a.txt')}: `)],
  ];
  for (const [argv, line] of rows) {
    const name = argv.join(' ').replaceAll(folder, '');
    const { code, out, err } = await said(...argv);
    t.ok(code !== 0, name);
    t.equal(out, '', `${name}: nothing on standard output`);
    t.match(err, /^weir: [^\n]*\n$/, `${name}: one line`);
    if (typeof line === 'string') t.equal(err, `weir: ${line}\n`, name);
    else t.match(err.replace(/^weir: /, ''), line, name);
  }
});

t.test('help ends well and shows a role only what it heeds', async (t) => {
  t.match(await said('help'), { code: 0, out: /Usage: weir/ });
  t.match(await said('help', 'block'), { code: 0, out: /Usage: weir block/ });
  const shows = async (role: string, option: string) => (await said(role, '--help')).out.includes(`${option} <`);
  const rows: [option: string, roles: string[]][] = [
    ['--workers', ['gateway']],
    ['--upstream', ['up', 'gateway', 'admin', 'sensor']],
    ['--admin-port', ['up', 'admin']],
    ['--postgres', ['up', 'engine', 'admin']],
    ['--data', ['up', 'gateway', 'engine', 'admin', 'sensor']],
  ];
  for (const [option, roles] of rows)
    for (const role of ['up', 'gateway', 'engine', 'admin', 'sensor'])
      t.equal(await shows(role, option), roles.includes(role), `${role} ${option}`);
});
