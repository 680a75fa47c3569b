import type { ApiDocument } from '../import/index.js';
import { splitOperation } from '../operations.js';
import type { Explanation, Pin } from '../templating/index.js';
import type { Catalogue } from './catalogue.js';
import { documentedEndpoints } from './documented.js';
import { checkTemplate, mergedTemplate, splitTemplate } from './edits.js';
import { inventoryError } from './errors.js';
import type { ServiceState } from './service.js';

/** What people and imported descriptions say about the templates of a service; what was learned follows at once. */
export class TemplateEdits {
  constructor(private readonly catalogue: Catalogue) {}

  /** Why an endpoint's template is what it is, segment by segment. Throws INVENTORY_NO_ENDPOINT. */
  explain(endpointId: string): Explanation[] {
    const state = this.catalogue.byId.get(endpointId);
    if (state === undefined) throw inventoryError('INVENTORY_NO_ENDPOINT', `there is no endpoint ${endpointId}`);
    return this.catalogue.services.get(state.ref.service)!.templates.explain(splitOperation(state.ref.template)[0]);
  }

  /** Fixes a template. Other paths of its shape join it; text that is static in it stays static. */
  pin(service: string, template: string, source: string, method: string | null = null): void {
    checkTemplate(template);
    this.repin(this.known(service), (pins) => [...pins, { template, method, source }]);
  }

  /** Makes one value of a parameter an endpoint of its own: `split('shop', '/users/{userId}', 1, 'export', 'user:ada')`. Segments count from 0. */
  split(service: string, template: string, segment: number, value: string, source: string): void {
    this.pin(service, splitTemplate(template, segment, value), source);
  }

  /** Makes endpoints one: segments in which they differ become parameters. Returns the template. */
  merge(service: string, templates: readonly string[], source: string): string {
    const template = mergedTemplate(templates);
    this.pin(service, template, source);
    return template;
  }

  /** Takes back the last pin, split or merge of a person. Returns it. */
  undo(service: string): Pin {
    const state = this.known(service);
    const last = state.pins.findLastIndex((pin) => !pin.source.startsWith('openapi:') && !pin.source.startsWith('postman:'));
    if (last < 0) throw inventoryError('INVENTORY_NOTHING_TO_UNDO', `nothing to undo for ${service}`);
    const pin = state.pins[last];
    this.repin(state, (pins) => pins.filter((_, index) => index !== last));
    return pin;
  }

  /** Replaces everything that people pinned; pins of imported descriptions stay. */
  usePins(service: string, pins: readonly Pin[], nowMs: number): void {
    for (const pin of pins) checkTemplate(pin.template);
    const state = this.catalogue.serviceOf(service, nowMs);
    const document = state.document?.name;
    this.repin(state, (before) => [...before.filter((pin) => pin.source === document), ...pins]);
  }

  /** Pins of a service, oldest first. */
  pins(service: string): readonly Pin[] {
    return this.known(service).pins;
  }

  /** Pins the templates of a description and compares traffic with it from now on. Replaces the document the service had. */
  useDocument(service: string, document: ApiDocument, nowMs: number): void {
    const state = this.catalogue.serviceOf(service, nowMs);
    const before = state.document?.name;
    state.document = document;
    this.repin(state, (pins) => [
      ...pins.filter((pin) => pin.source !== before && pin.source !== document.name),
      ...document.operations.map((operation) => ({ template: operation.template, method: operation.method, source: document.name })),
    ]);
    for (const one of documentedEndpoints(document, state.endpoints.values())) this.catalogue.touch(one.ref.id);
  }

  private known(service: string): ServiceState {
    const state = this.catalogue.services.get(service);
    if (state === undefined) throw inventoryError('INVENTORY_NO_SERVICE', `there is no service ${service}`);
    return state;
  }

  private repin(service: ServiceState, change: (pins: Pin[]) => Pin[]): void {
    service.pins = change(service.pins);
    service.dirty = true;
    service.templates.setPins(service.pins);
    this.catalogue.rehome(service);
    for (const state of service.endpoints.values()) this.catalogue.touch(state.ref.id);
  }
}
