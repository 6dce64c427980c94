// Which registered exporters are silent, as a source: the transitions that the leader of the enrichers records in ClickHouse,
// read again whenever there are new ones. Where they cannot be read, what was read last holds; nobody is silent before.

import type { Storage } from '../../storage/storage.ts';
import { livenessSince, livenessVersion } from '../../storage/tables/liveness.ts';
import { Liveness, type Transition } from '../model/liveness.ts';
import { HORIZON_MS, type InventorySource, type SourceContext } from './source.ts';

export class LivenessSource implements InventorySource {
  readonly name = 'liveness of exporters';
  readonly #context: SourceContext;
  #version = '';

  constructor(context: SourceContext) {
    this.#context = context;
  }

  async start(): Promise<void> {
    try {
      await this.poll(this.#context.nowMs());
    } catch (error) {
      this.#context.log.warn({ err: error }, 'the liveness of exporters cannot be read; nobody is taken for silent');
    }
  }

  async poll(nowMs: number): Promise<boolean> {
    const { storage, counters, inForce } = this.#context;
    const version = await livenessVersion(storage);
    if (version === this.#version) return false;
    const liveness = await readLiveness(storage, nowMs - HORIZON_MS);
    this.#version = version;
    counters.set('livenessFolded', liveness.folded);
    inForce.history.useLiveness(liveness);
    return true;
  }

  stop(): void {}
}

/** What holds from a moment on, or until another one: the bound of moments is then of that time alone. */
export async function readLiveness(storage: Storage, fromMs: number, toMs?: number): Promise<Liveness> {
  return new Liveness((await livenessSince(storage, fromMs, toMs)) as readonly Transition[]);
}
