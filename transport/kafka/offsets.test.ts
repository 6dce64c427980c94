import { describe, expect, test } from 'vitest';
import { createOffsets } from './offsets.ts';

const assigned = (...partitions: number[]) => {
  const offsets = createOffsets();
  offsets.assign(partitions);
  return offsets;
};

describe('offsets of a partition', () => {
  test('are committed as far as all before are settled', () => {
    const offsets = assigned(0);
    const [first, second, third] = [5, 6, 7].map(offset => offsets.take(0, offset)!);
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
    const settle = offsets.take(0, 5)!;
    offsets.take(0, 6)!();
    offsets.assign([0, 1]);
    expect(offsets.take(0, 5)).toBeUndefined();
    expect(offsets.take(0, 6)).toBeUndefined();
    expect(offsets.due()).toEqual([]);
    settle();
    expect(offsets.due()).toEqual([{ partition: 0, offset: 7 }]);
  });

  test('of a partition that was with another reader in between do not set the group back', () => {
    const offsets = assigned(0);
    const settle = offsets.take(0, 5)!;
    offsets.assign([]);
    offsets.assign([0]);
    const later = offsets.take(0, 30)!;
    settle();
    expect(offsets.due()).toEqual([]);
    later();
    expect(offsets.due()).toEqual([{ partition: 0, offset: 31 }]);
  });

  test('given back are handed out again', () => {
    const offsets = assigned(0);
    offsets.take(0, 5);
    offsets.release(0, 5);
    expect(offsets.take(0, 5)).toBeDefined();
  });
});
