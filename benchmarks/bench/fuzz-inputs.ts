// Datagrams of `bench fuzz`: mutants of real ones and random bytes, and floods that fill every table of the decoder. All
// from fixed seeds; each generator writes into one buffer that it uses again.

import { createRandom, type Random } from '../random.ts';

const DATAGRAM_BYTES_MAX = 65507;
const MUTATIONS_MAX = 4;
/** Few, for what each may keep to be full soon. */
const MUTANT_SOURCES = 8;
/** Words that lengths, counts and ids are changed into. */
const EXTREMES = [0, 1, 2, 3, 4, 255, 256, 0x7fff, 0x8000, 0xfffe, 0xffff] as const;
const VERSIONS = ['0001', '0005', '0006', '0007', '0008', '0009', '000a', '00000002', '00000004', '00000005'] as const;

/** Where a datagram comes from. */
export interface Source {
  address: string;
  port: number;
}

export type NextDatagram = (source: Source) => Uint8Array;

/** Random bytes, most of them behind the version word of a protocol, and mutants of `seeds`, one to three. */
export function createMutants(seeds: readonly Uint8Array[], seed: number): NextDatagram {
  const random = createRandom(seed);
  const buffer = Buffer.alloc(DATAGRAM_BYTES_MAX);
  const heads = VERSIONS.map(version => Buffer.from(version, 'hex'));
  return source => {
    source.port = 50_000 + random.below(MUTANT_SOURCES);
    return random.below(4) === 0 ? randomBytes(random, buffer, heads) : mutant(random, buffer, seeds);
  };
}

function randomBytes(random: Random, buffer: Buffer, heads: readonly Buffer[]): Uint8Array {
  const length = random.below(random.below(100) === 0 ? 9000 : 512);
  for (let at = 0; at < length; at += 4) buffer.writeUInt32BE(random.uint32(), at);
  if (random.below(8) !== 0) heads[random.below(heads.length)]!.copy(buffer);
  return buffer.subarray(0, length);
}

function mutant(random: Random, buffer: Buffer, seeds: readonly Uint8Array[]): Uint8Array {
  const seed = seeds[random.below(seeds.length)]!;
  buffer.set(seed);
  let { length } = seed;
  for (let left = 1 + random.below(MUTATIONS_MAX); left > 0 && length > 0; left--) {
    const at = random.below(length);
    switch (random.below(6)) {
      case 0:
        buffer[at] = random.below(256);
        break;
      case 1:
        buffer[at]! ^= 1 << random.below(8);
        break;
      case 2:
        buffer.writeUInt16BE(EXTREMES[random.below(EXTREMES.length)]!, at & ~1);
        break;
      case 3:
        buffer.writeUInt32BE(random.below(2) === 0 ? 0xffffffff : random.uint32(), at & ~3);
        break;
      case 4:
        length = at;
        break;
      default: {
        // A piece of the datagram again behind it.
        const piece = Math.min(length - at, 1 + random.below(200), DATAGRAM_BYTES_MAX - length);
        buffer.copyWithin(length, at, at + piece);
        length += piece;
      }
    }
  }
  return buffer.subarray(0, length);
}

const HEADER_BYTES = 20;

/** NetFlow v9 with one set of 16-bit words. */
function netflow9(buffer: Buffer, domain: number, setId: number, words: readonly number[]): Uint8Array {
  buffer.fill(0, 0, HEADER_BYTES);
  buffer.writeUInt16BE(9, 0);
  buffer.writeUInt16BE(1, 2);
  buffer.writeUInt32BE(100_000, 4);
  buffer.writeUInt32BE(1_700_000_000, 8);
  buffer.writeUInt32BE(domain, 16);
  buffer.writeUInt16BE(setId, HEADER_BYTES);
  buffer.writeUInt16BE(4 + 2 * words.length, HEADER_BYTES + 2);
  words.forEach((word, i) => {
    buffer.writeUInt16BE(word, HEADER_BYTES + 4 + 2 * i);
  });
  return buffer.subarray(0, HEADER_BYTES + 4 + 2 * words.length);
}

const TEMPLATE_IDS = 65536 - 256;
const FIELDS = [8, 4, 12, 4, 1, 4, 2, 4] as const;
const RECORD = new Array<number>(8).fill(1);
const templateWords = (id: number) => [id, FIELDS.length / 2, ...FIELDS];

const addressOf = (n: number) => `10.${(n >>> 16) & 0xff}.${(n >>> 8) & 0xff}.${n & 0xff}`;

/** Each distinct where its name says so. */
export const FLOODS: Readonly<Record<string, { readonly about: string; readonly next: (n: number) => NextDatagram }>> =
  {
    templates: {
      about: 'template ids, one exporter',
      next: n =>
        flood(
          (buffer, i) => netflow9(buffer, Math.floor(i / TEMPLATE_IDS), 0, templateWords(256 + (i % TEMPLATE_IDS))),
          n,
        ),
    },
    domains: {
      about: 'domains, one exporter, a template each',
      next: n => flood((buffer, i) => netflow9(buffer, i, 0, templateWords(256)), n),
    },
    unknown: {
      about: 'data sets whose template never comes, one exporter',
      next: n =>
        flood((buffer, i) => netflow9(buffer, Math.floor(i / TEMPLATE_IDS), 256 + (i % TEMPLATE_IDS), RECORD), n),
    },
    sources: {
      about: 'spoofed source addresses, a template each',
      next: n => flood(buffer => netflow9(buffer, 0, 0, templateWords(256)), n, addressOf),
    },
    records: {
      about: 'spoofed source addresses, a NetFlow v5 record each',
      next: n => flood(netflow5, n, addressOf),
    },
    agents: {
      about: 'spoofed sFlow agents from one address, a counter sample each',
      next: n => flood(sflowAgent, n),
    },
  };

function flood(
  write: (buffer: Buffer, i: number) => Uint8Array,
  from: number,
  address: (i: number) => string = () => '203.0.113.66',
): NextDatagram {
  const buffer = Buffer.alloc(256);
  let i = from;
  return source => {
    source.address = address(i);
    source.port = 50_000;
    return write(buffer, i++);
  };
}

function netflow5(buffer: Buffer, i: number): Uint8Array {
  buffer.fill(0, 0, 72);
  buffer.writeUInt16BE(5, 0);
  buffer.writeUInt16BE(1, 2);
  buffer.writeUInt32BE(100_000, 4);
  buffer.writeUInt32BE(1_700_000_000, 8);
  buffer.writeUInt32BE(0x0a000000 + (i & 0xffffff), 24);
  buffer.writeUInt32BE(1, 40);
  buffer.writeUInt32BE(64, 44);
  return buffer.subarray(0, 72);
}

function sflowAgent(buffer: Buffer, i: number): Uint8Array {
  const words = [5, 1, 0x0a000000 + (i & 0xffffff), i >>> 24, 0, 0, 1, 2, 12, 0, 1, 0];
  words.forEach((word, j) => {
    buffer.writeUInt32BE(word, 4 * j);
  });
  return buffer.subarray(0, 4 * words.length);
}

/** An exporter with one template and 20 records a datagram; `first` announces the template. */
export function honestExporter(): { readonly first: Uint8Array; readonly data: Uint8Array; readonly records: number } {
  const records = 20;
  const words = Array.from({ length: records }, () => RECORD).flat();
  return {
    first: netflow9(Buffer.alloc(256), 7, 0, templateWords(256)),
    data: netflow9(Buffer.alloc(1024), 7, 256, words),
    records,
  };
}
