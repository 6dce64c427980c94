import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SERVER_SIDE_REASONS, SERVER_SIDES } from '../../schemas/codes.ts';
import { ephemeralBits, reasonIn, sideByLists, sideByPorts, sideIn, UNDECIDED } from './server-side.ts';

const words = (decided: number) => [SERVER_SIDES[sideIn(decided)], SERVER_SIDE_REASONS[reasonIn(decided)]];
const usual = ephemeralBits();

test.each([
  ['a listed port decides', [1, 0], ['src', 'listed']],
  ['of two listed ports the narrower range', [101, 1], ['dst', 'range']],
  ['ranges of one width report nothing', [5, 5], ['unknown', 'none']],
] as const)('%s', (_, [srcWidth, dstWidth], expected) => {
  expect(words(sideByLists(srcWidth, dstWidth))).toEqual(expected);
});

test.each([
  ['an ephemeral port is the client', [50000, 8080], ['dst', 'ephemeral']],
  ['two of a kind: the lower one', [3306, 5432], ['src', 'lower-port']],
  ['two ephemeral ones: the lower one', [60000, 50000], ['dst', 'lower-port']],
  ['equal ports report nothing', [123, 123], ['unknown', 'none']],
  ['no ports report nothing', [0, 0], ['unknown', 'none']],
] as const)('%s', (_, [srcPort, dstPort], expected) => {
  expect(words(sideByPorts(usual, srcPort, dstPort))).toEqual(expected);
});

test('old Windows clients are known by their range when it is configured', () => {
  expect(words(sideByPorts(usual, 1500, 8080))).toEqual(['src', 'lower-port']);
  const old = ephemeralBits(['1025-5000', '32768-65535']);
  expect(words(sideByPorts(old, 1500, 8080))).toEqual(['dst', 'ephemeral']);
  expect(words(sideByPorts(old, 1024, 1025))).toEqual(['src', 'ephemeral']);
  expect(words(sideByPorts(old, 5000, 5001))).toEqual(['dst', 'ephemeral']);
});

test('both directions of a conversation name the same end for the same reason', () => {
  const width = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 65536 }));
  const port = fc.oneof(fc.integer({ min: 0, max: 65535 }), fc.constantFrom(32767, 32768, 443));
  const mirrored: Record<string, string> = { src: 'dst', dst: 'src', unknown: 'unknown' };
  fc.assert(
    fc.property(width, width, port, port, (srcWidth, dstWidth, srcPort, dstPort) => {
      const of = (...[aWidth, bWidth, a, b]: [number, number, number, number]) => {
        const listed = sideByLists(aWidth, bWidth);
        return words(listed === UNDECIDED ? sideByPorts(usual, a, b) : listed);
      };
      const [side, reason] = of(srcWidth, dstWidth, srcPort, dstPort);
      expect(of(dstWidth, srcWidth, dstPort, srcPort)).toEqual([mirrored[side!], reason]);
    }),
  );
});
