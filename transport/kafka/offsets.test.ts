import { describe, expect, test } from 'vitest';
import { createOffsets } from './offsets.ts';

/** When a message was written, where it does not matter. */
const T = 1_750_000_000_000;

const assigned = (...partitions: number[]) => {
  const offsets = createOffsets();
  offsets.assign(partitions);
  return offsets;
};

describe('what waits until all before is settled', () => {
  test('waits for each of them, and not for what comes behind', async () => {
    const offsets = assigned(0);
    const [first, second, , behind] = [5, 6, 7, 8].map(offset => offsets.take(0, offset, T)!);
    let isFree: boolean | undefined;
    const waiting = offsets.settledBefore(0, 7).then(settled => {
      isFree = settled;
    });
    second!();
    behind!();
    await new Promise(setImmediate);
    expect(isFree).toBeUndefined();
    expect(offsets.unsettled()).toBe(2);
    first!();
    await waiting;
    expect(isFree).toBe(true);
  });

  test('does not wait where nothing is under way, and learns that its partition is revoked', async () => {
    const offsets = assigned(0, 1);
    expect(await offsets.settledBefore(0, 7)).toBe(true);
    offsets.take(1, 5, T);
    const waiting = offsets.settledBefore(1, 6);
    offsets.assign([0]);
    expect(await waiting).toBe(false);
  });

  test('goes on when an offset before it is released', async () => {
    const offsets = assigned(0);
    offsets.take(0, 5, T);
    const waiting = offsets.settledBefore(0, 6);
    offsets.release(0, 5);
    expect(await waiting).toBe(true);
  });
});

describe('offsets of a partition', () => {
  test('are committed as far as all before are settled', () => {
    const offsets = assigned(0);
    const [first, second, third] = [5, 6, 7].map(offset => offsets.take(0, offset, T)!);
    second!();
    third!();
    expect(offsets.due()).toEqual([]);
    first!();
    expect(offsets.due()).toEqual([{ partition: 0, offset: 8 }]);
    offsets.committed(offsets.due());
    expect(offsets.due()).toEqual([]);
  });

  test('read again while they are under way are not handed out twice, and hold the commit back all the same', () => {
    const offsets = assigned(0);
    const settle = offsets.take(0, 5, T)!;
    offsets.take(0, 6, T)!();
    offsets.assign([0, 1]);
    expect(offsets.take(0, 5, T)).toBeUndefined();
    expect(offsets.take(0, 6, T)).toBeUndefined();
    expect(offsets.due()).toEqual([]);
    settle();
    expect(offsets.due()).toEqual([{ partition: 0, offset: 7 }]);
  });

  test('of a partition that was with another reader in between do not set the group back', () => {
    const offsets = assigned(0);
    const settle = offsets.take(0, 5, T)!;
    offsets.assign([]);
    offsets.assign([0]);
    const later = offsets.take(0, 30, T)!;
    settle();
    expect(offsets.due()).toEqual([]);
    later();
    expect(offsets.due()).toEqual([{ partition: 0, offset: 31 }]);
  });

  test('given back are handed out again', () => {
    const offsets = assigned(0);
    offsets.take(0, 5, T);
    offsets.release(0, 5);
    expect(offsets.take(0, 5, T)).toBeDefined();
  });
});

test('the oldest message is the first written of those that are not settled, in whatever partition', () => {
  const offsets = assigned(0, 1);
  expect(offsets.oldestMs()).toBeUndefined();
  const late = offsets.take(0, 5, T + 20)!;
  const early = offsets.take(1, 9, T + 10)!;
  offsets.take(1, 10, T + 30);
  expect(offsets.oldestMs()).toBe(T + 10);
  early();
  expect(offsets.oldestMs()).toBe(T + 20);
  late();
  expect(offsets.oldestMs()).toBe(T + 30);
  offsets.release(1, 10);
  expect(offsets.oldestMs()).toBeUndefined();
});
