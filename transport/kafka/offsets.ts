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
  /** Takes an offset under way, of a message written at `atMs`; returns what to call when it is settled, or undefined when it is under way already. */
  take(partition: number, offset: number, atMs: number): (() => void) | undefined;
  /** Resolves with true when every offset taken before this one is settled, with false when the partition is revoked before. */
  settledBefore(partition: number, offset: number): Promise<boolean>;
  /** Offsets taken and not settled, in all partitions. */
  unsettled(): number;
  /** When the oldest message that was taken and is not settled was written; undefined without one. */
  oldestMs(): number | undefined;
  /** Releases an offset that was not delivered after all. */
  release(partition: number, offset: number): void;
  /** The offsets that can be committed and are not. */
  due(): Offset[];
  committed(offsets: readonly Offset[]): void;
}

interface Partition {
  /** Offsets taken, in order. Bounded by the deliveries that wait and those that are being stored. */
  readonly taken: Map<number, Taken>;
  /** Who waits until everything before an offset is settled. */
  readonly waiting: Map<number, (settled: boolean) => void>;
  next: number;
  committed: number;
}

interface Taken {
  readonly atMs: number;
  settled: boolean;
}

export function createOffsets(): Offsets {
  const partitions = new Map<number, Partition>();
  let assigned: ReadonlySet<number> = new Set();

  const partitionAt = (number: number): Partition => {
    let partition = partitions.get(number);
    if (!partition) {
      partition = { taken: new Map(), waiting: new Map(), next: -1, committed: -1 };
      partitions.set(number, partition);
    }
    return partition;
  };

  const advance = (partition: Partition) => {
    for (const offset of [...partition.taken.keys()].sort((a, b) => a - b)) {
      if (!partition.taken.get(offset)!.settled) return;
      partition.taken.delete(offset);
      partition.next = Math.max(partition.next, offset + 1);
    }
  };

  const isSettledBefore = ({ taken }: Partition, offset: number) =>
    ![...taken].some(([at, { settled }]) => at < offset && !settled);

  const wake = (partition: Partition) => {
    for (const [offset, resolve] of partition.waiting) {
      if (!isSettledBefore(partition, offset)) continue;
      partition.waiting.delete(offset);
      resolve(true);
    }
  };

  const revoke = (number: number) => {
    for (const resolve of partitions.get(number)?.waiting.values() ?? []) resolve(false);
    partitions.delete(number);
  };

  return {
    assign(numbers) {
      const now = new Set(numbers);
      // A partition that was elsewhere in between begins anew: what it had under way here must not set the group back.
      for (const number of partitions.keys()) if (!now.has(number) || !assigned.has(number)) revoke(number);
      assigned = now;
    },
    take(number, offset, atMs) {
      const partition = partitionAt(number);
      if (partition.taken.has(offset)) return undefined;
      const taken = { atMs, settled: false };
      partition.taken.set(offset, taken);
      return () => {
        taken.settled = true;
        advance(partition);
        wake(partition);
      };
    },
    settledBefore(number, offset) {
      const partition = partitionAt(number);
      if (isSettledBefore(partition, offset)) return Promise.resolve(true);
      partition.waiting.get(offset)?.(false);
      return new Promise(resolve => partition.waiting.set(offset, resolve));
    },
    unsettled() {
      let count = 0;
      for (const { taken } of partitions.values()) for (const { settled } of taken.values()) if (!settled) count++;
      return count;
    },
    oldestMs() {
      let oldest = Number.POSITIVE_INFINITY;
      for (const { taken } of partitions.values())
        for (const { atMs, settled } of taken.values()) if (!settled) oldest = Math.min(oldest, atMs);
      return oldest < Number.POSITIVE_INFINITY ? oldest : undefined;
    },
    release(number, offset) {
      const partition = partitions.get(number);
      partition?.taken.delete(offset);
      if (partition) wake(partition);
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
