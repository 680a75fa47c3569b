import type { TemplatesPort } from '../../admin/index.js';
import { pathSegments } from '../../exchange/index.js';
import type { PinSetting, SharedMaps } from '../shared-maps.js';

const NOTHING: PinSetting = { pins: [], document: null };

/** What people decide about templates; the engine follows the shared map. */
export function templatesPort(maps: SharedMaps): TemplatesPort {
  const change = async (service: string, edit: (setting: PinSetting) => PinSetting): Promise<void> =>
    maps.pins.set(service, edit(maps.pins.get(service) ?? NOTHING));
  const add = (service: string, method: string | null, template: string, by: string) =>
    change(service, (setting) => ({
      ...setting,
      pins: [
        ...setting.pins.filter((pin) => pin.template !== template || pin.method !== method),
        { template, method, source: `user:${by}` },
      ],
    }));
  const remove = (service: string, method: string, template: string) =>
    change(service, (setting) => ({
      ...setting,
      pins: setting.pins.filter((pin) => pin.template !== template || pin.method !== method),
    }));
  return {
    pin: (service, method, template, by) => add(service, method, template, by),
    unpin: (service, method, template) => remove(service, method, template),
    split: (service, method, template, parameter, value, by) => add(service, method, withValue(template, parameter, value), by),
    unsplit: (service, method, template, parameter, value) => remove(service, method, withValue(template, parameter, value)),
    async importDocument(service, text) {
      const { readApiDocument } = await import('../../learning/index.js');
      const document = await readApiDocument(text, `${service} description`);
      await change(service, (setting) => ({ ...setting, document: { name: document.name, text } }));
      return { imported: document.operations.length, format: document.name.split(':')[0], warnings: [] };
    },
  };
}

/** The template with its n-th parameter replaced by a value: an endpoint of its own. */
function withValue(template: string, parameter: number, value: string): string {
  let index = -1;
  const segments = pathSegments(template).map((segment) =>
    segment.replace(/\{[^{}]*\}/g, (name) => (++index === parameter ? encodeURIComponent(value) : name)),
  );
  return `/${segments.join('/')}`;
}
