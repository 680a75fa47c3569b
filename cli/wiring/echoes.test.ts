import t from 'tap';
import { withoutEchoes } from './echoes.js';

t.test('the same line is said once in a while', async (t) => {
  const said: string[] = [];
  let nowMs = 0;
  const log = withoutEchoes(
    (message) => said.push(message),
    5_000,
    () => nowMs,
  );
  const rows: [atMs: number, message: string, said: boolean][] = [
    [0, 'a.yaml:1:1 wrong', true],
    [3, 'a.yaml:1:1 wrong', false],
    [4, 'a.yaml:2:1 wrong', true],
    [4_999, 'a.yaml:1:1 wrong', false],
    [5_000, 'a.yaml:1:1 wrong', true],
  ];
  for (const [atMs, message, expected] of rows) {
    nowMs = atMs;
    const before = said.length;
    log(message);
    t.equal(said.length > before, expected, `${message} at ${atMs}`);
  }
});
