import { answer, api, type Schemas } from '../api.ts';
import { bytes } from '../words.ts';

/** One kept exchange; sensitive values are masked. */
export function readExchange(id: string) {
  return answer(api.GET('/api/v1/exchanges/{id}', { params: { path: { id } } }));
}
export type Exchange = Awaited<ReturnType<typeof readExchange>>;

type Evidence = Schemas['Evidence'];
interface Line {
  readonly text: string;
  readonly marked: boolean;
}

/** Request and answer side by side; the places that the evidence names are marked. */
export function Messages({ exchange, evidence = [] }: { readonly exchange: Exchange; readonly evidence?: readonly Evidence[] }) {
  const { request, response } = exchange;
  const of = (phase: string) => evidence.filter((one) => one.location.phase === phase).map((one) => one.location);
  return (
    <div className="two">
      <Message
        title="Request"
        first={{
          text: `${request.method} ${request.target}`,
          marked: of('request').some((one) => ['path', 'query', 'target', 'method'].includes(one.in)),
        }}
        message={request}
        places={of('request')}
        about={bytes(request.bodyBytes)}
      />
      {response === null ? (
        <section className="message">
          <header>Response</header>
          <pre>There was no answer.</pre>
        </section>
      ) : (
        <Message
          title="Response"
          first={{ text: `Status ${response.status}`, marked: of('response').some((one) => one.in === 'status') }}
          message={response}
          places={of('response')}
          about={bytes(response.bodyBytes)}
        />
      )}
    </div>
  );
}

function Message({
  title,
  first,
  message,
  places,
  about,
}: {
  readonly title: string;
  readonly first: Line;
  readonly message: Exchange['request'] | NonNullable<Exchange['response']>;
  readonly places: readonly Evidence['location'][];
  readonly about: string;
}) {
  const marked = (kind: string) => places.filter((one) => one.in === kind).map((one) => one.path);
  const headers = [...marked('header'), ...marked('cookie').map(() => 'cookie')].map((name) => name.toLowerCase());
  const lines: Line[] = [
    first,
    ...message.headers.map(([name, value]) => ({ text: `${name}: ${value}`, marked: headers.includes(name.toLowerCase()) })),
    { text: '', marked: false },
    ...bodyLines(message, marked('body')),
  ];
  return (
    <section className="message" aria-label={title}>
      <header>
        <span>{title}</span>
        <span className="dimmed small">{about}</span>
      </header>
      <pre tabIndex={0}>
        {lines.map((line, at) => (
          // Lines of one message never change their order.
          <span key={`${at}-${line.text.length}`}>
            {line.marked ? <mark>{line.text}</mark> : line.text}
            {'\n'}
          </span>
        ))}
        {message.bodyTruncated && <span className="dimmed">… weir kept only the beginning of this body.</span>}
      </pre>
    </section>
  );
}

function bodyLines(message: { readonly body: string; readonly bodyEncoding: string }, paths: readonly string[]): readonly Line[] {
  if (message.body === '') return [];
  if (message.bodyEncoding === 'base64') return [{ text: `(binary, base64) ${message.body.slice(0, 4_000)}`, marked: paths.length > 0 }];
  try {
    const lines: Line[] = [];
    const wanted = new Set(paths.map(plain));
    write(JSON.parse(message.body) as unknown, '', '', '', wanted, lines);
    return lines;
  } catch {
    return message.body
      .split('\n')
      .map((text) => ({ text, marked: paths.length > 0 && paths.some((path) => path !== '' && text.includes(path)) }));
  }
}

/** One spelling for `$.items[0].ssn`, `items[*].ssn` and `items.0.ssn`: `items.ssn`. Which entry of a list it was does not matter here. */
function plain(path: string): string {
  return path
    .replace(/^\$\.?/, '')
    .replace(/\[[^\]]*\]/g, '')
    .split('.')
    .filter((part) => part !== '' && part !== '*' && !/^\d+$/.test(part))
    .join('.');
}

function write(value: unknown, path: string, indent: string, lead: string, wanted: ReadonlySet<string>, lines: Line[], tail = ''): void {
  const isMarked = path !== '' && wanted.has(path);
  const entries: readonly (readonly [string, string, unknown])[] | null = Array.isArray(value)
    ? value.map((one) => ['', path, one] as const)
    : value !== null && typeof value === 'object'
      ? Object.entries(value).map(([name, one]) => [`${JSON.stringify(name)}: `, path === '' ? name : `${path}.${name}`, one] as const)
      : null;
  if (entries === null || entries.length === 0) {
    lines.push({ text: `${indent}${lead}${JSON.stringify(value)}${tail}`, marked: isMarked });
    return;
  }
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  lines.push({ text: `${indent}${lead}${open}`, marked: false });
  for (const [at, [name, below, one]] of entries.entries())
    write(one, below, `${indent}  `, name, wanted, lines, at < entries.length - 1 ? ',' : '');
  lines.push({ text: `${indent}${close}${tail}`, marked: false });
}
