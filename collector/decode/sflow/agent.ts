// What an sFlow agent (agent address and sub-agent) reported about itself: its data sources with their effective rates, and
// the UUIDs of the hosts it describes. All of it is bounded. At the bound a source not seen for SOURCE_IDLE_MS
// is evicted (interfaces of virtual machines come and go); samples of a source beyond the bound keep their nominal rate.

import type { DatagramContext } from '../context.ts';
import type { SampleSource } from './effective-rate.ts';

export const SOURCES_PER_AGENT_MAX = 4096;
/** Sources of all agents of a decoder together; some 250 bytes each. */
export const SOURCES_TOTAL_MAX = 262_144;
export const HOSTS_PER_AGENT_MAX = 64;
export const SOURCE_IDLE_MS = 600_000;

const TWO_32 = 4294967296;
const NO_KEY = -1;

/** A data source as one number; classes are a byte on the wire, or a word that only uses one. */
export function sourceKey(sourceClass: number, index: number): number {
  return sourceClass === 0 ? index : (sourceClass & 0xff) * TWO_32 + index;
}

export class SflowAgent {
  /** How often datagrams were missing. */
  gaps = 0;
  /**
   * The samples of a datagram mostly have one source: those that follow the first of one source and rate are a run, which
   * the source takes in one step at its end. `runSequenceAt` and `runPoolAt` are where the newest has its counters.
   */
  runKey = NO_KEY;
  runSource: SampleSource | undefined = undefined;
  runRate = 0;
  runSamples = 0;
  runSequenceAt = 0;
  runPoolAt = 0;
  readonly #sources = new Map<number, SampleSource>();
  readonly #total: { count: number };
  readonly #hosts = new Map<number, string>();

  constructor(total: { count: number }) {
    this.#total = total;
  }

  source(key: number): SampleSource | undefined {
    return this.#sources.get(key);
  }

  /** Hands the samples of the run to their source. */
  endRun({ view, uptimeMs }: DatagramContext): void {
    const { runSource, runSequenceAt, runPoolAt } = this;
    if (!runSource) return;
    if (this.runSamples > 0) {
      runSource.see(
        view.getUint32(runSequenceAt),
        view.getUint32(runPoolAt),
        view.getUint32(runPoolAt + 4),
        this.runRate,
        uptimeMs,
        this.gaps,
        this.runSamples,
      );
    }
    this.runSource = undefined;
    this.runKey = NO_KEY;
    this.runSamples = 0;
  }

  /** Keeps a new source; false when there is no room for it. */
  keep(key: number, source: SampleSource, nowMs: number): boolean {
    if (this.#sources.size >= SOURCES_PER_AGENT_MAX || this.#total.count >= SOURCES_TOTAL_MAX) {
      if (!this.#dropIdle(nowMs)) return false;
    }
    this.#sources.set(key, source);
    this.#total.count++;
    return true;
  }

  /** Gives its sources back to the total; called when the agent itself is evicted. */
  release(): void {
    this.#total.count -= this.#sources.size;
    this.#sources.clear();
  }

  /** The UUID of the host that is this data source of the agent, empty unknown. */
  host(key: number): string {
    return this.#hosts.get(key) ?? '';
  }

  rememberHost(key: number, uuid: string): void {
    if (this.#hosts.size < HOSTS_PER_AGENT_MAX || this.#hosts.has(key)) this.#hosts.set(key, uuid);
  }

  /** Looks at the oldest source only, and turns it to the young end where it is in use: all are looked at in turn. */
  #dropIdle(nowMs: number): boolean {
    const [oldest] = this.#sources;
    if (!oldest) return false;
    const [key, source] = oldest;
    this.#sources.delete(key);
    if (nowMs - source.seenMs < SOURCE_IDLE_MS) {
      this.#sources.set(key, source);
      return false;
    }
    this.#total.count--;
    return true;
  }
}
