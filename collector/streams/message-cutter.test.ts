import { describe, expect, test } from 'vitest';
import { createRandom } from '../../benchmarks/random.ts';
import { ipfix, set, zeros } from '../../testing/data/datagrams.ts';
import { MessageCutter } from './message-cutter.ts';

/** Messages of all kinds of lengths, each distinguished by its domain. */
const messages = [0, 1, 5, 300, 0, 1400, 7, 20_000, 0].map((bytes, domain) =>
  ipfix(bytes === 0 ? [] : [set(256, zeros(bytes))], { domain }),
);
const stream = Buffer.concat(messages);

function cut(pieces: Iterable<Uint8Array>, cutter = new MessageCutter()): Buffer[] {
  const cutMessages: Buffer[] = [];
  for (const piece of pieces) {
    cutter.feed(piece);
    for (let message = cutter.next(); message; message = cutter.next()) cutMessages.push(Buffer.from(message));
  }
  return cutMessages;
}

function* piecesOf(bytes: Uint8Array, length: () => number): Iterable<Uint8Array> {
  for (let offset = 0; offset < bytes.length; ) {
    const end = offset + length();
    yield bytes.subarray(offset, end);
    offset = end;
  }
}

describe('a stream of messages', () => {
  test.each([1, 2, 3, 4, 5, 15, 16, 17, 1000, 65_536])('in pieces of %i bytes is cut where each ends', length => {
    const cutter = new MessageCutter();
    expect(
      cut(
        piecesOf(stream, () => length),
        cutter,
      ),
    ).toEqual(messages.map(message => Buffer.from(message)));
    expect([cutter.malformed, cutter.unfinished]).toEqual([false, false]);
  });

  test('in pieces of any length is cut the same', () => {
    for (let seed = 1; seed <= 200; seed++) {
      const random = createRandom(seed);
      const limit = 1 + random.below(4000);
      const found = cut(piecesOf(stream, () => random.below(limit)));
      expect(Buffer.concat(found).equals(stream) && found.length === messages.length, `seed ${seed}`).toBe(true);
    }
  });

  test('that lies whole in a piece is not copied', () => {
    const cutter = new MessageCutter();
    cutter.feed(stream);
    expect(cutter.next()!.buffer).toBe(stream.buffer);
  });

  test('may hold the longest message there is', () => {
    const longest = ipfix([set(256, zeros(65_535 - 20))]);
    expect(longest).toHaveLength(65_535);
    expect(cut(piecesOf(longest, () => 1460))).toEqual([Buffer.from(longest)]);
  });

  test('reports that a message is there before it is taken, as often as it is asked', () => {
    for (const length of [1, 3, 17, 1000, 65_536]) {
      const cutter = new MessageCutter();
      const found: Buffer[] = [];
      for (const piece of piecesOf(stream, () => length)) {
        cutter.feed(piece);
        while (cutter.hasNext() && cutter.hasNext()) found.push(Buffer.from(cutter.next()!));
        expect(cutter.next()).toBeUndefined();
      }
      expect(Buffer.concat(found).equals(stream) && found.length === messages.length, `pieces of ${length}`).toBe(true);
    }
  });

  test('that ends inside a message, header or not, is unfinished', () => {
    for (let end = 1; end < 40; end++) {
      const cutter = new MessageCutter();
      const whole = cut([stream.subarray(0, end)], cutter);
      expect([end, whole.length, cutter.unfinished]).toEqual([
        end,
        end < 16 ? 0 : end < 37 ? 1 : 2,
        ![16, 37].includes(end),
      ]);
    }
  });
});

describe('what is no message', () => {
  test.each([
    ['another version', '0009001000000000'],
    ['a length shorter than the header', '000a000f00000000'],
    ['a length of zero', '000a000000000000'],
    ['zeros', '0000000000000000'],
    ['a TLS hello', '160301020001fc03'],
    ['a web request', Buffer.from('GET / HTTP/1.1').toString('hex')],
  ])('%s ends the stream behind the messages before it, in pieces of any length', (_, text) => {
    for (const length of [1, 3, 7, 65_536]) {
      const cutter = new MessageCutter();
      const bytes = Buffer.concat([stream, Buffer.from(text, 'hex'), stream]);
      expect(
        cut(
          piecesOf(bytes, () => length),
          cutter,
        ),
      ).toHaveLength(messages.length);
      expect(cutter.malformed).toBe(true);
    }
  });
});
