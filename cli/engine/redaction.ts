import type { Seal } from '../../admin/index.js';
import type { Store } from '../../store/index.js';

/** How soon an engine follows what an admin sets. */
const LOOK_MS = 2_000;

interface Setting {
  readonly keepReal?: boolean;
  readonly secretNames?: readonly string[];
}

/** What the admin says about redaction, as the engine applies it: names that are secret here, and whether evidence keeps its real values, sealed. */
export class RedactionSetting {
  private names: ReadonlySet<string> = new Set();
  private keepsReal = false;
  private readonly timer: NodeJS.Timeout;

  private constructor(
    private readonly objects: Store['objects'],
    private readonly sealer: Seal,
  ) {
    this.timer = setInterval(() => void this.read().catch(() => undefined), LOOK_MS);
    this.timer.unref();
  }

  static async follow(objects: Store['objects'], sealer: Seal): Promise<RedactionSetting> {
    const setting = new RedactionSetting(objects, sealer);
    await setting.read();
    return setting;
  }

  readonly isOwnSecret = (name: string): boolean => this.names.size > 0 && this.names.has(name.toLowerCase());

  /** Null: real values are not kept. */
  readonly seal = (bytes: Uint8Array): Uint8Array | null => (this.keepsReal ? this.sealer.closeBytes(bytes) : null);

  close(): void {
    clearInterval(this.timer);
  }

  private async read(): Promise<void> {
    const setting = ((await this.objects.get('setting', 'redaction'))?.body ?? {}) as Setting;
    this.names = new Set((setting.secretNames ?? []).map((name) => name.toLowerCase()));
    this.keepsReal = setting.keepReal === true;
  }
}
