import type { DataTypesPort, OwnDataType } from '../../admin/index.js';
import { Redactor } from '../../exchange/index.js';
import { Classifier, type CustomType, customTypeSchema, dataTypes } from '../../policies/index.js';
import type { SharedMaps } from '../shared-maps.js';
import { OWN_TYPES } from '../wiring/vocabulary.js';

/** Data types as the settings page asks for them: the built-in list, and a tester for own ones. */
export function dataTypesPort(maps: SharedMaps): DataTypesPort {
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
      const custom = customTypes(own.filter((type) => type.enabled));
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
    async publish(own, disabled) {
      // One that is switched off goes along: policies may name it.
      const off = own.filter((type) => !type.enabled).map((type) => type.id);
      await maps.dataTypes.set(OWN_TYPES, { own: customTypes(own), disabled: [...disabled, ...off] });
    },
  };
}

/** Own types as the classifier takes them. */
function customTypes(own: readonly OwnDataType[]): CustomType[] {
  return own.map((type) =>
    customTypeSchema.parse({
      id: type.id,
      title: type.title,
      sensitivity: type.sensitivity,
      ...(type.pattern === null ? {} : { pattern: type.pattern }),
      ...(type.validator === null ? {} : { validator: type.validator }),
      fields: [...type.fieldNames],
      words: [...type.keywords],
      requireWords: type.requireKeywords,
      caseSensitive: type.caseSensitive,
    }),
  );
}
