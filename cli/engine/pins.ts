import { type Inventory, readApiDocument } from '../../learning/index.js';
import type { PinSetting, SharedMaps } from '../shared-maps.js';

/** Keeps the inventory's pins as people and descriptions have them; `changed` hears of each change, for pages show what is stored. Returns what ends it. */
export function followPins(
  maps: SharedMaps,
  inventory: Inventory,
  changed: () => Promise<void>,
  log: (message: string) => void,
): () => void {
  const applied = new Map<string, string>();
  const apply = async (service: string, setting: PinSetting): Promise<void> => {
    const document = setting.document === null ? '' : JSON.stringify(setting.document);
    if (document !== '' && applied.get(`${service}\0document`) !== document && setting.document !== null) {
      applied.set(`${service}\0document`, document);
      inventory.edits.useDocument(service, await readApiDocument(setting.document.text, setting.document.name), Date.now());
      await changed();
    }
    const pins = JSON.stringify(setting.pins);
    if (applied.get(service) === pins || (pins === '[]' && !applied.has(service))) return;
    applied.set(service, pins);
    inventory.edits.usePins(service, setting.pins, Date.now());
    await changed();
  };
  const follow = () => {
    for (const { key, value } of maps.pins.entries())
      apply(key, value).catch((error: unknown) => log(`inventory: ${error instanceof Error ? error.message : String(error)}`));
  };
  follow();
  return maps.pins.subscribe(follow);
}
