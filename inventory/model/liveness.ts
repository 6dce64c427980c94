// Which registered exporters report what they meter, and which are silent, in time: a function of recorded transitions and
// of a moment, the same for every enricher, for re-enrichment and for coverage. A silent exporter covers nothing. Without
// transitions nobody is silent. ../liveness decides what is recorded.

import { createHash } from 'node:crypto';
import { formatAddress, parseAddress } from '../../schemas/address.ts';
import { PROTOCOL } from '../../schemas/codes.ts';
import type { RegisteredExporter } from '../../schemas/exporters.ts';

/** A registered exporter as its entry states it; `domain` -1 and `protocol` 0 stand for every one. */
export interface ExporterKey {
  /** In canonical form. */
  readonly exporter: string;
  readonly domain: number;
  /** Code of PROTOCOLS. */
  readonly protocol: number;
}

export const EVERY_DOMAIN = -1;
export const EVERY_PROTOCOL = PROTOCOL.unknown;

/** From `atMs`, in flow time, the exporter is live or silent. */
export interface Transition extends ExporterKey {
  readonly atMs: number;
  readonly state: 'live' | 'silent';
}

/**
 * Moments at which anything changes that are kept, the newest ones; each is an epoch. Transitions before them count as one
 * moment. What they are rounded to (../liveness/transitions.ts) makes at most seven of a minute.
 */
export const MOMENTS_MAX = 256;

type NamedEntry = Pick<RegisteredExporter, 'address' | 'domain' | 'protocol'>;

export function keyOf({ address, domain = EVERY_DOMAIN, protocol }: NamedEntry): ExporterKey {
  const words = parseAddress(address);
  const exporter = words ? formatAddress(words) : address;
  return { exporter, domain, protocol: protocol === undefined ? EVERY_PROTOCOL : PROTOCOL[protocol] };
}

export function keyText({ exporter, domain, protocol }: ExporterKey): string {
  return `${exporter} ${domain} ${protocol}`;
}

/** Entries are looked for in every state of a window, and addresses are parsed once. */
const names = new WeakMap<NamedEntry, string>();

/** The text of its key. */
export function nameOfEntry(entry: NamedEntry): string {
  const known = names.get(entry);
  if (known !== undefined) return known;
  const name = keyText(keyOf(entry));
  names.set(entry, name);
  return name;
}

interface Moment {
  readonly atMs: number;
  readonly silent: ReadonlySet<string>;
  /** Names the set: equal names, equal sets. */
  readonly name: string;
}

const NOBODY: ReadonlySet<string> = new Set();

export class Liveness {
  /** Ascending; before the first nobody is silent. */
  readonly #moments: readonly Moment[];
  /** Moments that were folded into the oldest one kept, because there were more than the bound. */
  readonly folded: number;

  /** In any order; of one exporter and moment the last one given holds. */
  constructor(transitions: Iterable<Transition> = [], momentsMax = MOMENTS_MAX) {
    const byMoment = new Map<number, Map<string, Transition>>();
    for (const transition of transitions) {
      const { atMs } = transition;
      const at = byMoment.get(atMs) ?? new Map<string, Transition>();
      byMoment.set(atMs, at.set(keyText(transition), transition));
    }
    const moments: Moment[] = [];
    const silent = new Set<string>();
    const starts = [...byMoment.keys()].sort((a, b) => a - b);
    this.folded = starts.length > momentsMax ? starts.length - momentsMax + 1 : 0;
    for (const [i, atMs] of starts.entries()) {
      for (const [key, { state }] of byMoment.get(atMs)!) {
        if (state === 'silent') silent.add(key);
        else silent.delete(key);
      }
      if (i < this.folded - 1) continue;
      const name = nameOf(silent);
      // Who was silent at the end of what is folded is silent for all of it.
      const fromMs = i < this.folded ? starts[0]! : atMs;
      if ((moments.at(-1)?.name ?? '') !== name) moments.push({ atMs: fromMs, silent: new Set(silent), name });
    }
    this.#moments = moments;
  }

  isSilent(entry: NamedEntry, ms: number): boolean {
    const { silent } = this.#at(ms);
    return silent.size > 0 && silent.has(nameOfEntry(entry));
  }

  /** Moments at which somebody falls silent or returns, ascending. */
  boundaries(): number[] {
    return this.#moments.map(({ atMs }) => atMs);
  }

  /** A name for who is silent at a moment; empty: nobody. */
  nameAt(ms: number): string {
    return this.#at(ms).name;
  }

  #at(ms: number): Omit<Moment, 'atMs'> {
    return this.#moments.findLast(({ atMs }) => atMs <= ms) ?? { silent: NOBODY, name: '' };
  }
}

function nameOf(silent: ReadonlySet<string>): string {
  if (silent.size === 0) return '';
  return createHash('sha256')
    .update([...silent].sort().join('\n'))
    .digest('base64url')
    .slice(0, 22);
}
