// Names of nodes for completion, by dimension, in memory: a look-up at each key press must not read the table. A dimension is
// read when it is first completed; later look-ups use what was read, and read it again in the background when it is old.

import { AUTOMATIC_CLASSES, EXPLICIT_NODES, NODE_CLASSES } from '../../schemas/keys.ts';
import type { Storage } from '../../storage/storage.ts';
import type { DimensionColumn } from './dimensions.ts';

/** Of one dimension. Further ones are not suggested; they can be named nevertheless. */
export const NAMES_MAX = 250_000;
const NAMES_AGE_MS_MAX = 30_000;

interface Names {
  /** In alphabetical order, upper and lower case the same. */
  readonly names: readonly string[];
  readonly lower: readonly string[];
  readonly readAtMs: number;
}

/** Classes of nodes that a dimension shows under another name than its own. */
const CLASSES: Readonly<Record<string, readonly number[]>> = {
  app: [NODE_CLASSES.application, ...AUTOMATIC_CLASSES],
  vm: [NODE_CLASSES.vm, NODE_CLASSES.endpoint],
};

/** The classes of a column of nodes: srcRack has racks. */
export function classesOf({ name }: DimensionColumn): readonly number[] {
  const noun = name.replace(/^(src|dst)/, '').toLowerCase();
  const own = Object.entries(NODE_CLASSES).filter(([nodeClass]) => nodeClass.toLowerCase() === noun);
  return CLASSES[noun] ?? own.map(([, code]) => code);
}

interface FoundNames {
  readonly names: readonly string[];
  /** More than the limit fit. */
  readonly more: boolean;
}

export class NodeNames {
  readonly #storage: Storage;
  readonly #nowMs: () => number;
  readonly #namesMax: number;
  readonly #held = new Map<string, Names>();
  readonly #reading = new Map<string, Promise<Names>>();

  constructor(storage: Storage, nowMs: () => number, namesMax: number = NAMES_MAX) {
    this.#storage = storage;
    this.#nowMs = nowMs;
    this.#namesMax = namesMax;
  }

  /** Names that hold the text, in any case; those that begin with it come first. */
  async find(column: DimensionColumn, text: string, limit: number): Promise<FoundNames> {
    const { names, lower } = await this.#namesOf(column);
    const wanted = text.toLowerCase();
    const [first, second]: [string[], string[]] = [[], []];
    for (let i = 0; i < lower.length && first.length <= limit; i++) {
      const at = lower[i]!.indexOf(wanted);
      if (at === 0) first.push(names[i]!);
      else if (at > 0 && second.length <= limit) second.push(names[i]!);
    }
    const explicit = EXPLICIT_NODES.filter(name => name.startsWith(wanted));
    const found = [...first, ...second, ...explicit];
    return { names: found.slice(0, limit), more: found.length > limit };
  }

  /** What was read last, unless it is missing: a key press does not wait for the table. */
  #namesOf(column: DimensionColumn): Names | Promise<Names> {
    const classes = classesOf(column);
    const dimension = classes.join();
    const held = this.#held.get(dimension);
    if (held && this.#nowMs() - held.readAtMs < NAMES_AGE_MS_MAX) return held;
    const reading = this.#reading.get(dimension) ?? this.#read(dimension, classes);
    if (!held) return reading;
    // The next look-up tries again.
    reading.catch(() => undefined);
    return held;
  }

  #read(dimension: string, classes: readonly number[]): Promise<Names> {
    const reading = this.#select(classes)
      .then(names => {
        this.#held.set(dimension, names);
        return names;
      })
      .finally(() => this.#reading.delete(dimension));
    this.#reading.set(dimension, reading);
    return reading;
  }

  async #select(classes: readonly number[]): Promise<Names> {
    const readAtMs = this.#nowMs();
    const [row] = await this.#storage.select<{ names: string[] }>(NAMES_SQL, { classes, limit: this.#namesMax });
    const names = row?.names ?? [];
    return { names, lower: names.map(name => name.toLowerCase()), readAtMs };
  }
}

/** One row: a list of texts is read in a tenth of the time of as many rows. */
const NAMES_SQL = `
SELECT groupArray(current) AS names FROM (
  SELECT current FROM (
    SELECT argMax(name, firstSeen) AS current FROM nodes WHERE class IN {classes:Array(UInt8)} GROUP BY key
  )
  WHERE current != ''
  GROUP BY current
  ORDER BY lowerUTF8(current), current
  LIMIT {limit:UInt32}
)`;
