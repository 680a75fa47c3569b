import type { SelfTestView, SourcesPort } from '../../admin/index.js';
import { newId } from '../../exchange/index.js';
import type { Store } from '../../store/index.js';
import type { SharedMaps } from '../shared-maps.js';

const STEP_TIMEOUT_MS = 10_000;
const POLL_MS = 50;

/**
 * "Is it working?": sends one marked request through a gateway and follows it to the store, saying at which step it got stuck. The request asks for a
 * path that no service has, so it changes nothing upstream but a line in its log.
 */
export function selfTests(store: Store, maps: SharedMaps): Pick<SourcesPort, 'startSelfTest' | 'selfTest'> {
  const tests = new Map<string, SelfTestView>();
  const run = async (id: string, service: string | null): Promise<void> => {
    const steps: { -readonly [K in keyof SelfTestView['steps'][number]]: SelfTestView['steps'][number][K] }[] = [
      'find a gateway',
      'send a request through it',
      'engine and store have it',
    ].map((name) => ({
      name,
      state: 'waiting',
      tookMs: null,
      text: '',
    }));
    const startedAtMs = Date.now();
    const show = (state: SelfTestView['state']) => tests.set(id, { id, startedAtMs, state, steps: steps.map((step) => ({ ...step })) });
    const step = async (index: number, work: () => Promise<string>): Promise<void> => {
      const beganMs = Date.now();
      try {
        steps[index].text = await work();
        steps[index].state = 'ok';
      } catch (error) {
        steps[index].state = 'failed';
        steps[index].text = error instanceof Error ? error.message : String(error);
        throw error;
      } finally {
        steps[index].tookMs = Date.now() - beganMs;
        show(steps[index].state === 'failed' ? 'failed' : 'running');
      }
    };
    show('running');
    let gateway = '';
    let host = '';
    let isMirrored = false;
    await step(0, async () => {
      const found = [...maps.status.entries()]
        .map((entry) => entry.value)
        .find((status) => status.role === 'gateway' && (service === null || status.services?.some((one) => one.name === service)));
      if (found === undefined || found.addresses.length === 0)
        throw new Error(
          `No gateway reports itself${service === null ? '' : ` with a service "${service}"`}. Is one running, and does it reach the same Redis?`,
        );
      gateway = found.addresses[0].replace('//0.0.0.0', '//127.0.0.1').replace('//[::]', '//[::1]');
      const target = found.services?.find((one) => service === null || one.name === service);
      host = target?.hosts.find((one) => !one.includes('*')) ?? '';
      // A mode that was just set is newer than what the gateway last said of itself.
      const mode = target === undefined ? undefined : (maps.modes.get(target.name)?.request ?? target.mode.request);
      isMirrored = mode === 'mirror';
      const heard = [...maps.status.entries()].flatMap(({ value }) => (value.role === 'sensor' ? (value.sources ?? []) : []));
      if (isMirrored && heard.length === 0)
        throw new Error(
          `The service "${target?.name}" is in mirror mode, in which its gateway records nothing, and no sensor listens: weir mode mirror --listen IF`,
        );
      return isMirrored
        ? `${gateway}, in mirror mode: a sensor has to hear it (${heard.map(({ kind, name }) => `${kind} ${name}`).join(', ')})`
        : gateway;
    });
    await step(1, async () => {
      const answer = await fetch(`${gateway}/.weir-self-test/${id}`, {
        headers: { 'x-request-id': id, ...(host === '' ? {} : { host }) },
        signal: AbortSignal.timeout(STEP_TIMEOUT_MS),
      });
      // The gateway's own answer for an upstream that is away: weir works, and what it stands in front of does not.
      const isAway = answer.status >= 502 && answer.headers.get('content-type') === 'application/problem+json';
      const problem = isAway ? ((await answer.json()) as { readonly title?: string }).title : undefined;
      return `answered ${answer.status}${problem === undefined ? '' : `: ${problem}. See the upstreams of the service in weir mode`}`;
    });
    await step(2, async () => {
      const deadlineMs = Date.now() + STEP_TIMEOUT_MS;
      while (Date.now() < deadlineMs) {
        if ((await store.samples.get(id)) !== null) return 'the exchange can be looked up';
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
      throw new Error(
        isMirrored
          ? 'The request passed the gateway, but what a sensor heard of it did not arrive in the store. Does one listen where requests pass (interface, filter), and are they not TLS there?'
          : 'The request passed the gateway, but its exchange did not arrive in the store. Is the engine running, and does the stream drop?',
      );
    });
    show('passed');
  };
  return {
    async startSelfTest(service) {
      const id = newId();
      for (const oldest of tests.keys()) if (tests.size >= 100) tests.delete(oldest);
      void run(id, service).catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 1));
      return tests.get(id) as SelfTestView;
    },
    selfTest: (id) => tests.get(id) ?? null,
  };
}
