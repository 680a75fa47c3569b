import type { DataTypesPort } from '../../admin/index.js';
import { Redactor } from '../../exchange/index.js';
import { Classifier, customTypeSchema, dataTypes } from '../../policies/index.js';

/** Data types as the settings page asks for them: the built-in list, and a tester for own ones. */
export function dataTypesPort(): DataTypesPort {
  const redactor = new Redactor('tester');
  return {
    builtIn: () =>
      dataTypes.map((type) => ({
        id: type.id,
        title: type.title,
        sensitivity: type.sensitivity,
        fieldNames: [...type.fields],
        examples: { match: [...type.examples.match], ignore: [...type.examples.ignore] },
      })),
    test(text, own) {
      const custom = own
        .filter((type) => type.enabled && type.pattern !== null)
        .map((type) =>
          customTypeSchema.parse({
            id: type.id,
            title: type.title,
            sensitivity: type.sensitivity,
            pattern: type.pattern,
            fields: [...type.fieldNames],
          }),
        );
      const classifier = Classifier.of(dataTypes, custom);
      const hits = new Map<string, { type: string; path: string; confidence: number; excerpt: string; count: number }>();
      for (const match of classifier.classifyText(text)) {
        const key = `${match.type}\0${match.path}`;
        const known = hits.get(key);
        if (known !== undefined) known.count++;
        else
          hits.set(key, {
            type: match.type,
            path: match.path,
            confidence: match.confidence,
            excerpt: redactor.excerpt(text.slice(match.start, match.end), 4),
            count: 1,
          });
      }
      return [...hits.values()];
    },
    publish: async () => undefined,
  };
}
