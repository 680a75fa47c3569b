import { type HeaderList, header, Repeated } from '../../exchange/index.js';
import type { Classifier } from '../classify/index.js';
import type { DataClassifier, DataMatch } from '../data-port.js';

/** What a classifier found in bodies that came before. */
interface Known {
  readonly asSent: Repeated<readonly DataMatch[]>;
  readonly asUtf8: Repeated<readonly DataMatch[]>;
}

const known = new WeakMap<object, Known>();

function knownTo(classifier: object): Known {
  let found = known.get(classifier);
  if (found === undefined) {
    found = { asSent: new Repeated(), asUtf8: new Repeated() };
    known.set(classifier, found);
  }
  return found;
}

/** As {@link Classifier.classifyBody}, but a body that came before byte for byte is not read again. */
export function classifiedBody(classifier: Pick<Classifier, 'classifyBody'>, headers: HeaderList, bytes: Uint8Array): readonly DataMatch[] {
  const { asSent } = knownTo(classifier);
  const type = header(headers, 'content-type') ?? '';
  let found = asSent.get(bytes, type);
  if (found === undefined) {
    found = classifier.classifyBody(headers, bytes);
    asSent.put(bytes, type, found);
  }
  return found;
}

/** The same of {@link DataClassifier.classifyUtf8}. */
export function classifiedUtf8(
  classifier: Pick<DataClassifier, 'classifyUtf8'>,
  contentType: string,
  bytes: Uint8Array,
): readonly DataMatch[] {
  const { asUtf8 } = knownTo(classifier);
  let found = asUtf8.get(bytes, contentType);
  if (found === undefined) {
    found = classifier.classifyUtf8(contentType, bytes);
    asUtf8.put(bytes, contentType, found);
  }
  return found;
}
