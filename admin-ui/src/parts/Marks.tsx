import { Code, type MantineColor } from '@mantine/core';
import type { Schemas } from '../api.ts';

const SEVERITY: Record<Schemas['Severity'], MantineColor> = {
  critical: 'red',
  high: 'orange',
  medium: 'yellow',
  low: 'blue',
  info: 'gray',
};

export function Severity({ value }: { readonly value: string }) {
  return <Mark color={SEVERITY[value as Schemas['Severity']] ?? 'gray'}>{value}</Mark>;
}

const STATUS: Record<string, MantineColor> = {
  open: 'red',
  reopened: 'orange',
  accepted: 'gray',
  fixed: 'teal',
  enforce: 'teal',
  observe: 'blue',
  mirror: 'grape',
  off: 'gray',
  inherit: 'gray',
  blocked: 'red',
  watched: 'orange',
  allowed: 'teal',
  active: 'gray',
  ok: 'teal',
  degraded: 'orange',
  silent: 'red',
  passed: 'teal',
  failed: 'red',
  failing: 'red',
  running: 'blue',
  queued: 'gray',
  paused: 'yellow',
  finished: 'teal',
  stopped: 'gray',
  vulnerable: 'red',
  safe: 'teal',
  error: 'orange',
  skipped: 'gray',
  delivered: 'teal',
  waiting: 'yellow',
  'given-up': 'red',
};

export function Status({ value }: { readonly value: string }) {
  return <Mark color={STATUS[value] ?? 'gray'}>{value}</Mark>;
}

/** A short word on a ground of its colour. Tables draw hundreds of them: it is one element. */
export function Mark({
  color = 'gray',
  children,
  title,
}: {
  readonly color?: MantineColor;
  readonly children: string;
  readonly title?: string;
}) {
  return (
    <span className="mark" data-color={color} title={title}>
      {children}
    </span>
  );
}

/** The first of some values, as many as its column has room for; the others on hover. */
export function Marks({
  values,
  color = 'gray',
  most = 2,
}: {
  readonly values: readonly string[];
  readonly color?: MantineColor;
  readonly most?: number;
}) {
  const shown = values.slice(0, most);
  return (
    <span className="marks" title={values.length > shown.length ? values.join(', ') : undefined}>
      {shown.map((value) => (
        <Mark key={value} color={color}>
          {value}
        </Mark>
      ))}
      {values.length > shown.length && <span className="dimmed small">+{values.length - shown.length}</span>}
    </span>
  );
}

export function Method({ value }: { readonly value: string }) {
  return (
    <span className="method" data-method={value}>
      {value}
    </span>
  );
}

/** Method and template of an endpoint as one piece of text. */
export function Place({ method, template }: { readonly method: string; readonly template: string }) {
  if (template === '') return <span className="dimmed">whole service</span>;
  return (
    <span className="place">
      <Method value={method} /> <span className="mono">{template}</span>
    </span>
  );
}

/** A scan test as people know it; its id beside, for who looks for it in a report or a file. */
export function TestName({ testId, testName }: { readonly testId: string; readonly testName: string }) {
  return (
    <span className="test-name">
      {testName} {testName !== testId && <span className="dimmed small mono">{testId}</span>}
    </span>
  );
}

export function Score({ value }: { readonly value: number }) {
  const level = value >= 75 ? 'high' : value >= 40 ? 'medium' : 'low';
  return (
    <span className="score" data-level={level}>
      <span className="score-bar" aria-hidden>
        <span style={{ width: `${Math.min(100, value)}%` }} />
      </span>
      <span className="num">{Math.round(value)}</span>
    </span>
  );
}

/** How much of the most this line is, as a bar behind its text. */
export function Bar({ part, of }: { readonly part: number; readonly of: number }) {
  return <span className="bar" aria-hidden style={{ width: `${of === 0 ? 0 : Math.max(1, (100 * part) / of)}%` }} />;
}

export function Yaml({ text }: { readonly text: string }) {
  return (
    <Code block tabIndex={0}>
      {text}
    </Code>
  );
}
