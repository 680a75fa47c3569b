/** A value of a data type in a text; offsets count UTF-16 units of that text. */
export interface DataMatch {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  /** 0–1. */
  readonly confidence: number;
  /** Dotted path of the value in a structured body, indices as `[*]`; empty when it is not known. */
  readonly path: string;
  /** Set when the value stands inside an encoded one: the span is then that of the whole encoded value. */
  readonly via: 'base64' | 'jwt' | null;
}

/** What the engine must know of a data type. */
export interface DataTypeFacts {
  readonly id: string;
  readonly title: string;
  readonly family: string;
  readonly sensitivity: 'low' | 'medium' | 'high' | 'critical';
}

/** Recognises data types. Pure, synchronous, linear in the text; must not throw. */
export interface DataClassifier {
  readonly types: readonly DataTypeFacts[];
  /** `kind` says how to read the text; `types` limits the search to some ids. */
  classify(
    text: string,
    options: { readonly kind: 'json' | 'form' | 'xml' | 'text' | 'value'; readonly name?: string; readonly types?: ReadonlySet<string> },
  ): readonly DataMatch[];
}
