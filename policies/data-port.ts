/** A value of a data type. */
export interface DataMatch {
  readonly type: string;
  /** Half-open span, in the units of whoever made the match. */
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

/** Recognises data types: all of them, so that what a value is does not depend on who asks. Pure, synchronous, linear in its input; must not throw. */
export interface DataClassifier {
  readonly types: readonly DataTypeFacts[];
  /** A body in UTF-8; `contentType` says how to read it. Spans count bytes. */
  classifyUtf8(contentType: string, bytes: Uint8Array): readonly DataMatch[];
  /** Decoded parameters, header fields, cookies. `path` is the name; spans count UTF-16 units of the value. */
  classifyPairs(pairs: Iterable<readonly [name: string, value: string]>): readonly DataMatch[];
}
