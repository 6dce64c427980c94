import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SERVER_SIDES } from '../schemas/codes.ts';
import { serverSideOf } from './server-side.ts';

const side = (...args: Parameters<typeof serverSideOf>) => SERVER_SIDES[serverSideOf(...args)];

test.each([
  ['a listed port decides, even against a lower one', [1, 0, 8443, 80], 'src'],
  ['of two listed ports the narrower range', [101, 1, 8000, 9000], 'dst'],
  ['an ephemeral port is the client', [0, 0, 50000, 8080], 'dst'],
  ['two ports alike in range: the lower one', [5, 5, 3306, 5432], 'src'],
  ['equal ports tell nothing', [0, 0, 123, 123], 'unknown'],
  ['no ports tell nothing', [0, 0, 0, 0], 'unknown'],
] as const)('%s', (_, args, expected) => {
  expect(side(...(args as unknown as Parameters<typeof serverSideOf>))).toBe(expected);
});

test('both directions of a conversation name the same end', () => {
  const width = fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 65536 }));
  const port = fc.oneof(fc.integer({ min: 0, max: 65535 }), fc.constantFrom(32767, 32768, 443));
  const mirrored = { src: 'dst', dst: 'src', unknown: 'unknown' } as const;
  fc.assert(
    fc.property(width, width, port, port, (srcWidth, dstWidth, srcPort, dstPort) => {
      expect(side(dstWidth, srcWidth, dstPort, srcPort)).toBe(mirrored[side(srcWidth, dstWidth, srcPort, dstPort)!]);
    }),
  );
});
