/** How a value reads to a person. */
export interface Reading {
  /** Sentences or a document: words that look like an attack are most likely about one. */
  readonly isText: boolean;
  /** Text without its inline code and code blocks. */
  readonly outsideCode: string;
}

/** Words that tie sentences together; none is a word of SQL. English, and the commonest of Spanish, German and French. */
const GRAMMATICAL = new Set(
  (
    'the an is are was were be been being am to of for you your i me my we our us it its this that these those with without have has had do does did ' +
    'will would can could should may might must how what which who why there their they them he she his her but because about than too very ' +
    'just also some any while only more most other such here please thanks thank get gets got use uses used using see need needs want ' +
    'works make makes know both each every el la los las una para con por que del se est der die das und ist nicht mit ein eine von zu auf le les des pour dans est une avec'
  ).split(' '),
);
const PLAIN_WORD = /^["'(\u201c*_]{0,2}([A-Za-z\u00c0-\u024f]+)(?:['\u2019-][A-Za-z]+)*[.,;:!?)"'\u201d*_]{0,3}$/;
const MAX_SAMPLED = 1200;
const MIN_WORDS = 5;
const MIN_SHARE = 0.12;
/** Of what stands between blanks, so much has to be plain words. */
const MIN_PLAIN = 0.45;
/** A short sentence around a long quotation: fewer plain words, but more of them tie. */
const MIN_PLAIN_OF_QUOTES = 0.3;
const SHARE_OF_QUOTES = 0.25;
const DOCUMENT_WORDS = 10;
const CODE = /```[\s\S]{0,4000}?(?:```|$)|~~~[\s\S]{0,4000}?(?:~~~|$)|``[^\n]{1,400}?``|`[^`\n]{1,400}`/g;
const MARKDOWN = /^(?:#{1,6} |[-*] \S|\d+\. \S|> |```|~~~|\|[^\n]+\|[ \t]*$| {4}\S)|\]\(https?:|`[^`\n]+`|\*\*[^*\n]+\*\*/m;
const CODE_LINES =
  /(?:^|\n)\s*(?:const|let|var|import|export|function|class|def|return|package|public|private|if \(|for \(|\/\/|\/\*|\$ |npm |at )/;

/** Names of fields that hold what people write. */
const TEXT_FIELD =
  /(?:title|body|text|comment|description|bio|about|content|message|note|notes|summary|subject|question|answer|review|caption|headline|details|reason|feedback|abstract|excerpt|post|reply)$/i;
const FENCE = /(?:^|\n)\s{0,3}(?:```|~~~)/;
const OPENING_WORDS = /^(?:[A-Z]?[a-z]{1,20}[,:]?|[A-Z]{2}[A-Z;/]{0,8}[:,]|SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|WITH|EXPLAIN) +\S/;

const TAG = /<\/?[a-z!][^<>]{0,300}>/gi;
const FEW_TAGS = 4;
const HEADING_OF_CODE = /^#{1,6} `/;
/** A row of a table whose cells hold no program text. */
const TABLE = /^\|(?:[^|;`$/\\\n]*\|){3,}[ \t]*(?:\n|$)/;
/** What lines of a program, of markup or of configuration end or begin with. */
const CODE_LINE = /[;{}()[\],>:\\]\s*$|^\s*(?:[@#*|})\]]|\/\/|--|<|- )|^\s{2,}\S|^\s*[\w.$"'[\]-]+\s*(?:=|:|=>|\+=)\s*\S/;
const LEAST_CODE_LINES = 3;

/**
 * Reads at most the first 1,200 characters for the decision; `name` is the name of the field, `isBody` says that it stood in a body, where people send whole
 * programs and documents.
 */
export function readText(text: string, name: string, isBody: boolean): Reading {
  const sample = text.length > MAX_SAMPLED ? text.slice(0, MAX_SAMPLED) : text;
  let tags = 0;
  // Words are read as a browser shows them.
  const shown = sample.includes('<')
    ? sample.replace(TAG, () => {
        tags++;
        return ' ';
      })
    : sample;
  const pieces = shown.split(/\s+/);
  let words = 0;
  let tying = 0;
  for (const piece of pieces) {
    const word = piece.length < 30 ? PLAIN_WORD.exec(piece)?.[1] : undefined;
    if (word === undefined) continue;
    words++;
    if (word.length < 8 && GRAMMATICAL.has(word.toLowerCase())) tying++;
  }
  const share = words / pieces.length;
  const isProse =
    words >= MIN_WORDS &&
    tying >= 2 &&
    tying / words >= MIN_SHARE &&
    (share >= MIN_PLAIN || (share >= MIN_PLAIN_OF_QUOTES && tying / words >= SHARE_OF_QUOTES));
  const lines = sample.split('\n').filter((line) => /\w{2}/.test(line));
  const isMarked = MARKDOWN.test(sample);
  const isDocument =
    FENCE.test(sample) ||
    HEADING_OF_CODE.test(sample) ||
    TABLE.test(sample) ||
    (isMarked && words >= MIN_WORDS && tying >= 2) ||
    (words >= DOCUMENT_WORDS && (lines.length >= 3 || isMarked || CODE_LINES.test(sample))) ||
    (isBody && tags >= FEW_TAGS && words >= MIN_WORDS);
  const isNamed = TEXT_FIELD.test(name) && OPENING_WORDS.test(sample) && words >= 1;
  const isText = isProse || isDocument || isNamed || (isBody && (hasInlineCode(shown, tying) || isProgram(lines)));
  return { isText, outsideCode: isText ? text.replace(CODE, ' ') : text };
}

/** A few words around something in backticks, as people write about commands: `Fall back to \`uname -p\``. */
function hasInlineCode(shown: string, tying: number): boolean {
  if (tying < 1 || !shown.includes('`')) return false;
  const around = shown.replace(CODE, ' ');
  return !around.includes('`') && (around.match(/(?:^|\s)["'(]?[A-Za-z]{2,}[.,;:!?)"']{0,2}(?=\s|$)/g)?.length ?? 0) >= LEAST_CODE_WORDS;
}
const LEAST_CODE_WORDS = 3;

/** Several lines, of which most look like lines of a program. A payload is one line, or hides its lines behind separators. */
function isProgram(lines: readonly string[]): boolean {
  if (lines.length < LEAST_CODE_LINES) return false;
  let like = 0;
  for (const line of lines) if (line.length < 400 && CODE_LINE.test(line)) like++;
  return like * 3 >= lines.length * 2;
}
