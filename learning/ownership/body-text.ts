import { type Body, decodeBody, type HeaderList, isJsonType, mediaType, textOf } from '../../exchange/index.js';
import { isXml, MAX_XML } from './references.js';

/** So much of a body is read, after its content coding is undone. */
const MAX_BODY = 262_144;
const FORMS = new Set(['application/x-www-form-urlencoded', 'application/graphql']);

/** Text of a body that may name objects. */
export interface ObjectText {
  readonly text: string;
  /** It may name objects that were not looked at: it is longer than what was captured, or than what is read. Of JSON then nothing is. */
  readonly isCut: boolean;
}

export function objectText(headers: HeaderList, body: Body): ObjectText {
  const { bytes, problem } = decodeBody(headers, body, MAX_BODY);
  const text = textOf(headers, bytes);
  const isCut = (problem === 'truncated' || problem === 'too-big') && mayName(headers, text);
  return { text, isCut: isCut || (text.length > MAX_XML && isXml(mediaType(headers), text)) };
}

/** Objects are looked for in JSON, forms, GraphQL and XML: of an upload of several parts only the fields before the picture count. */
function mayName(headers: HeaderList, text: string): boolean {
  const type = mediaType(headers);
  // Whatever it is called, a server may read it as JSON; nothing but blanks may go on as anything.
  return isJsonType(type) || FORMS.has(type) || isXml(type, text) || /^\s*(?:[{[]|$)/.test(text);
}
