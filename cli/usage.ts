/** What is wrong with a command line, as weir says it: one line, what is allowed, where to read more. */

/** Commander's sentences, and ours. The first that fits counts. */
const SENTENCES: readonly (readonly [theirs: RegExp, ours: (...found: string[]) => string])[] = [
  [/^unknown command '(.*)'$/, (name) => `there is no command "${name}"`],
  [/^unknown option '(.*)'$/, (name) => `there is no option ${name}`],
  [/^option '(\S+)( .*)?' argument missing$/, (name, value = '') => `${name} needs a value: ${name}${value}`],
  [
    /^option '(\S+).*' argument '(.*)' is invalid\. (.*)$/s,
    (name, value, wanted) => `${name}: "${value}" is not accepted; ${allowed(wanted)}`,
  ],
  [
    /^command-argument value '(.*)' is invalid for argument '(.*)'\. (.*)$/s,
    (value, name, wanted) => `${name}: "${value}" is not accepted; ${allowed(wanted)}`,
  ],
  [/^missing required argument '(.*)'$/, (name) => `<${name}> is missing`],
  [/^required option '(.*)' not specified$/, (name) => `${name} is missing`],
  [
    /^too many arguments for '(.*)'\. Expected (\d+) arguments? but got (\d+)\.$/,
    (name, most, given) => `${name} takes ${most === '0' ? 'no words' : most === '1' ? 'one word' : `${most} words`}, not ${given}`,
  ],
];

const allowed = (wanted: string): string =>
  wanted
    .replace(/^Allowed choices are (.*)\.$/s, 'expected one of $1')
    .replace(/^Expected /, 'expected ')
    .replace(/\.$/, '');

/** `text`: what commander would print; `command`: with what it was called, `block add`. */
export function usageLine(text: string, command: string): string {
  const [theirs, near] = text
    .trim()
    .replace(/^error: /, '')
    .split('\n(Did you mean ');
  const found = SENTENCES.map(([pattern, ours]) => ({ match: pattern.exec(theirs), ours })).find(({ match }) => match !== null);
  const said = found === undefined ? theirs.replace(/\.$/, '') : found.ours(...(found.match ?? []).slice(1));
  const guess = near === undefined ? '' : `; did you mean ${near.replace(/^one of /, '').replace(/\)$/, '')}`;
  return `weir: ${said}${guess === '' ? '.' : guess} See ${['weir', command].filter((one) => one !== '').join(' ')} --help.\n`;
}
