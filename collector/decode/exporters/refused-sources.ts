// Sources and agents that found no room: the next time they ask again, and may displace one that did not. Bounded: the one
// that was refused first is forgotten for a new one, so that a flood only makes an honest source ask once more.

export const REFUSED_MAX = 4096;
/** Named at once; a flood has more. */
const NAMED_MAX = 100;

export class RefusedSources {
  readonly #refused = new Set<string>();
  #named: string[] = [];
  /** Refusals in all. */
  total = 0;

  get size(): number {
    return this.#refused.size;
  }

  has(source: string): boolean {
    return this.#refused.has(source);
  }

  /** `name` for the log. */
  add(source: string, name: () => string = () => source): void {
    this.total++;
    if (this.#refused.has(source)) return;
    if (this.#refused.size >= REFUSED_MAX) for (const oldest of this.#refused) if (this.#refused.delete(oldest)) break;
    this.#refused.add(source);
    if (this.#named.length < NAMED_MAX) this.#named.push(name());
  }

  /** Those that were refused for the first time since. */
  take(): readonly string[] {
    const named = this.#named;
    if (named.length > 0) this.#named = [];
    return named;
  }
}
