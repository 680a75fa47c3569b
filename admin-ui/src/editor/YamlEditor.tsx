import {
  autocompletion,
  type Completion,
  type CompletionContext,
  type CompletionResult,
  closeBrackets,
  closeBracketsKeymap,
  completionKeymap,
  startCompletion,
} from '@codemirror/autocomplete';
import { defaultKeymap, history, historyKeymap } from '@codemirror/commands';
import { yaml } from '@codemirror/lang-yaml';
import { bracketMatching, foldGutter, foldKeymap, HighlightStyle, indentOnInput, syntaxHighlighting } from '@codemirror/language';
import { type Diagnostic, forceLinting, linter, lintGutter, lintKeymap } from '@codemirror/lint';
import { EditorState } from '@codemirror/state';
import { drawSelection, EditorView, highlightActiveLine, highlightActiveLineGutter, keymap, lineNumbers } from '@codemirror/view';
import { tags } from '@lezer/highlight';
import { useEffect, useRef } from 'react';
import type { Schemas } from '../api.ts';
import { nonce } from '../nonce.ts';
import { type JsonSchema, suggest } from './schema.ts';

const theme = EditorView.theme({
  '&': { color: 'var(--mantine-color-text)', backgroundColor: 'light-dark(#fff, #1f1f1f)', fontSize: '13px', height: '62vh' },
  '.cm-scroller': { fontFamily: 'var(--mantine-font-family-monospace)', lineHeight: '1.55' },
  '.cm-content': { caretColor: 'var(--mantine-color-text)' },
  '.cm-cursor': { borderLeftColor: 'var(--mantine-color-text)' },
  '.cm-gutters': { backgroundColor: 'light-dark(#f8f9fa, #242424)', color: 'var(--quiet)', borderRight: '1px solid var(--line)' },
  '.cm-activeLine, .cm-activeLineGutter': { backgroundColor: 'light-dark(#f1f8f9, #26302f)' },
  '&.cm-focused .cm-selectionBackground, .cm-selectionBackground': { background: 'light-dark(#c5e9f0, #1d4f5a) !important' },
  '.cm-tooltip': {
    backgroundColor: 'light-dark(#fff, #2b2b2b)',
    border: '1px solid var(--line)',
    color: 'var(--mantine-color-text)',
    maxWidth: '520px',
  },
  '.cm-tooltip-autocomplete ul li[aria-selected]': { background: 'light-dark(#d0f0f5, #164955)', color: 'var(--mantine-color-text)' },
  '.cm-completionDetail': { color: 'var(--quiet)', fontStyle: 'normal' },
  '.cm-panels': { backgroundColor: 'light-dark(#f8f9fa, #242424)', color: 'var(--mantine-color-text)' },
});
const colours = syntaxHighlighting(
  HighlightStyle.define([
    { tag: [tags.propertyName, tags.definition(tags.propertyName)], color: 'light-dark(#0b5c6e, #66d9e8)' },
    { tag: [tags.string, tags.special(tags.string)], color: 'light-dark(#1d6b2f, #a9e34b)' },
    { tag: [tags.number, tags.bool, tags.null, tags.keyword], color: 'light-dark(#8a4b00, #ffc078)' },
    { tag: tags.comment, color: 'light-dark(#5c636a, #8d949b)', fontStyle: 'italic' },
    { tag: [tags.separator, tags.punctuation, tags.meta], color: 'light-dark(#495057, #ced4da)' },
  ]),
);

const editing = [
  lineNumbers(),
  highlightActiveLineGutter(),
  foldGutter(),
  history(),
  drawSelection(),
  indentOnInput(),
  bracketMatching(),
  closeBrackets(),
  highlightActiveLine(),
  keymap.of([...closeBracketsKeymap, ...defaultKeymap, ...historyKeymap, ...foldKeymap, ...completionKeymap, ...lintKeymap]),
];

interface EditorProps {
  readonly label: string;
  readonly text: string;
  readonly readOnly?: boolean;
  readonly schema?: JsonSchema | undefined;
  readonly onChange: (text: string) => void;
  /** Asks the server about the text; what is wrong stands at its line. */
  readonly check: (text: string) => Promise<readonly Schemas['SourceProblem'][]>;
}

/** YAML with completion from the schema and the server's errors in the gutter. Set `key` to start over with another text. */
export function YamlEditor({ label, text, readOnly = false, schema, onChange, check }: EditorProps) {
  const host = useRef<HTMLDivElement>(null);
  const latest = useRef({ onChange, check, schema });
  latest.current = { onChange, check, schema };
  const first = useRef(text);
  useEffect(() => {
    const view = new EditorView({
      parent: host.current!,
      state: EditorState.create({
        doc: first.current,
        extensions: [
          EditorView.cspNonce.of(nonce),
          editing,
          yaml(),
          theme,
          colours,
          lintGutter(),
          linter(async ({ state }) => (await latest.current.check(state.doc.toString())).map((problem) => diagnostic(state, problem)), {
            delay: 350,
          }),
          autocompletion({ override: [(context) => complete(context, latest.current.schema)] }),
          // What can only be read is still scrolled by keyboard.
          EditorView.contentAttributes.of({ 'aria-label': label, ...(readOnly ? { tabindex: '0' } : {}) }),
          EditorView.editable.of(!readOnly),
          EditorState.readOnly.of(readOnly),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange(update.state.doc.toString());
          }),
        ],
      }),
    });
    forceLinting(view);
    return () => view.destroy();
  }, [label, readOnly]);
  return <div className="editor" ref={host} />;
}

function diagnostic(state: EditorState, problem: Schemas['SourceProblem']): Diagnostic {
  const at = (line: number, column: number) => {
    const found = state.doc.line(Math.max(1, Math.min(state.doc.lines, line)));
    return Math.min(found.to, found.from + Math.max(0, column - 1));
  };
  const from = at(problem.line, problem.column);
  const end = problem.endLine === undefined ? state.doc.lineAt(from).to : at(problem.endLine, problem.endColumn ?? 1);
  return {
    from,
    to: Math.max(from, end),
    severity: problem.severity,
    message: problem.hint === undefined ? problem.message : `${problem.message}\n${problem.hint}`,
  };
}

function complete(context: CompletionContext, schema: JsonSchema | undefined): CompletionResult | null {
  if (schema === undefined) return null;
  const { word, suggestions } = suggest(schema, context.state.sliceDoc(0, context.pos));
  if (suggestions.length === 0 || (word === '' && !context.explicit)) return null;
  return {
    from: context.pos - word.length,
    validFor: /^[\w./:-]*$/,
    options: suggestions.map(
      (one): Completion => ({
        label: one.label,
        detail: one.detail.length > 70 ? `${one.detail.slice(0, 68)}…` : one.detail,
        type: one.isKey ? 'property' : 'enum',
        apply: (view, _completion, from, to) => {
          const text = one.isKey ? `${one.label}:${one.opens ? '' : ' '}` : one.label;
          view.dispatch({ changes: { from, to, insert: text }, selection: { anchor: from + text.length } });
          if (one.isKey && !one.opens) startCompletion(view);
        },
      }),
    ),
  };
}
