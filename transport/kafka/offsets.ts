// Which offsets of each partition are settled. A partition may be committed up to the first offset that is not. A message
// that is delivered again while it is still being stored is known here, so that it is not stored twice at once.

export interface Offset {
  readonly partition: number;
  /** The next one to read. */
  readonly offset: number;
}

export interface Offsets {
  /** Sets the partitions that this process has now. What is under way in others is forgotten. */
  assign(partitions: readonly number[]): void;
  /** Takes an offset under way; returns what to call when it is settled, or undefined when it is under way already. */
  take(partition: number, offset: number): (() => void) | undefined;
  /** Releases an offset that was not delivered after all. */
  release(partition: number, offset: number): void;
  /** The offsets that can be committed and are not. */
  due(): Offset[];
  committed(offsets: readonly Offset[]): void;
}

interface Partition {
  /** Offsets taken, in order; true when settled. Bounded by the deliveries that wait and those that are being stored. */
  readonly taken: Map<number, boolean>;
  next: number;
  committed: number;
}

export function createOffsets(): Offsets {
  const partitions = new Map<number, Partition>();
  let assigned: ReadonlySet<number> = new Set();

  const partitionAt = (number: number): Partition => {
    let partition = partitions.get(number);
    if (!partition) {
      partition = { taken: new Map(), next: -1, committed: -1 };
      partitions.set(number, partition);
    }
    return partition;
  };

  const advance = (partition: Partition) => {
    for (const offset of [...partition.taken.keys()].sort((a, b) => a - b)) {
      if (!partition.taken.get(offset)) return;
      partition.taken.delete(offset);
      partition.next = Math.max(partition.next, offset + 1);
    }
  };

  return {
    assign(numbers) {
      const now = new Set(numbers);
      // A partition that was elsewhere in between begins anew: what it had under way here must not set the group back.
      for (const number of partitions.keys()) if (!now.has(number) || !assigned.has(number)) partitions.delete(number);
      assigned = now;
    },
    take(number, offset) {
      const partition = partitionAt(number);
      if (partition.taken.has(offset)) return undefined;
      partition.taken.set(offset, false);
      return () => {
        partition.taken.set(offset, true);
        advance(partition);
      };
    },
    release(number, offset) {
      partitions.get(number)?.taken.delete(offset);
    },
    due() {
      return [...partitions].flatMap(([partition, { next, committed }]) =>
        assigned.has(partition) && next > committed ? [{ partition, offset: next }] : [],
      );
    },
    committed(offsets) {
      for (const { partition, offset } of offsets) {
        const known = partitions.get(partition);
        if (known) known.committed = Math.max(known.committed, offset);
      }
    },
  };
}
