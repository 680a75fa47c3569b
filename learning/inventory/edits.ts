import { templateParameters } from '../../exchange/index.js';
import { cleanSegments } from '../templating/index.js';
import { inventoryError } from './errors.js';

/** What a person may do to templates; all of it ends as a pin. */

/** Throws INVENTORY_BAD_TEMPLATE. */
export function checkTemplate(template: string): void {
  const names = templateParameters(template);
  const bad =
    !template.startsWith('/') ||
    template.includes('?') ||
    names.some((name) => name === '') ||
    new Set(names).size !== names.length ||
    /[{}]/.test(template.replace(/\{[^{}]*\}/g, ''));
  if (bad) throw inventoryError('INVENTORY_BAD_TEMPLATE', `"${template}" is not a path template`);
}

/** The template in which one value of a parameter stands for itself. Segments count from 0; throws INVENTORY_CANNOT_SPLIT. */
export function splitTemplate(template: string, segment: number, value: string): string {
  const segments = cleanSegments(template);
  if (segments[segment]?.includes('{') !== true || value === '')
    throw inventoryError('INVENTORY_CANNOT_SPLIT', `segment ${segment} of ${template} is not a parameter`);
  return `/${segments.map((text, index) => (index === segment ? encodeURIComponent(value) : text)).join('/')}`;
}

/** The template that stands for all of these: where they differ is a parameter. Throws INVENTORY_CANNOT_MERGE. */
export function mergedTemplate(templates: readonly string[]): string {
  const split = templates.map(cleanSegments);
  if (split.length < 2 || split.some((one) => one.length !== split[0].length))
    throw inventoryError('INVENTORY_CANNOT_MERGE', `${templates.join(', ')} differ in length`);
  const taken = new Set(split[0].filter((text, index) => split.every((one) => one[index] === text)).flatMap(templateParameters));
  const merged = split[0].map((text, index) => {
    if (split.every((one) => one[index] === text)) return text;
    let name = 'id';
    for (let number = 2; taken.has(name); number++) name = `id${number}`;
    taken.add(name);
    return `{${name}}`;
  });
  return `/${merged.join('/')}`;
}
