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

/** `next`, and of the first `until` datagrams every twentieth with sixty ends of their own, which fill the tables of ends. */
export function withEnds(next: NextDatagram, until: number): NextDatagram {
  const ends = flood(netflow5Ends, 0);
  let sent = 0;
  return source => (sent++ < until && sent % 20 === 0 ? ends : next)(source);
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
    options: {
      about: 'names of interfaces, one exporter',
      next: n => flood(interfaceName, n),
    },
    stations: {
      about: 'names of sFlow hosts and their MACs, a thousand of each of many agents',
      next: n => flood(sflowHost, n),
    },
    agents: {
      about: 'spoofed sFlow agents from one address, a counter sample each',
      next: n => flood(sflowAgent, n),
    },
  };

const FLOOD_BYTES_MAX = 1500;

function flood(
  write: (buffer: Buffer, i: number) => Uint8Array,
  from: number,
  address: (i: number) => string = () => '203.0.113.66',
): NextDatagram {
  const buffer = Buffer.alloc(FLOOD_BYTES_MAX);
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

const V5_RECORDS_MAX = 30;

/** Thirty records between addresses that no other datagram has. */
function netflow5Ends(buffer: Buffer, i: number): Uint8Array {
  const length = 24 + 48 * V5_RECORDS_MAX;
  buffer.fill(0, 0, length);
  buffer.writeUInt16BE(5, 0);
  buffer.writeUInt16BE(V5_RECORDS_MAX, 2);
  buffer.writeUInt32BE(100_000, 4);
  buffer.writeUInt32BE(1_700_000_000, 8);
  for (let record = 0; record < V5_RECORDS_MAX; record++) {
    const at = 24 + 48 * record;
    const end = 2 * (i * V5_RECORDS_MAX + record);
    buffer.writeUInt32BE(0x64000000 + (end & 0xffffff), at);
    buffer.writeUInt32BE(0x64000000 + ((end + 1) & 0xffffff), at + 4);
    buffer.writeUInt32BE(1, at + 16);
    buffer.writeUInt32BE(64, at + 20);
  }
  return buffer.subarray(0, length);
}

function sflowAgent(buffer: Buffer, i: number): Uint8Array {
  const words = [5, 1, 0x0a000000 + (i & 0xffffff), i >>> 24, 0, 0, 1, 2, 12, 0, 1, 0];
  words.forEach((word, j) => {
    buffer.writeUInt32BE(word, 4 * j);
  });
  return buffer.subarray(0, 4 * words.length);
}

/** NetFlow v9 options: scope interface (2), IF_NAME (82) of four bytes; the template first and now and then again. */
function interfaceName(buffer: Buffer, i: number): Uint8Array {
  if (i % 1000 === 0) return netflow9(buffer, 0, 1, [300, 4, 4, 2, 4, 82, 4]);
  return netflow9(buffer, 0, 300, [i >>> 16, i & 0xffff, 0x6574, 0x3030 + (i % 10)]);
}

const HOSTS_OF_AGENT = 1000;

/** A counters sample with host_descr (2000) and host_adapters (2001). */
function sflowHost(buffer: Buffer, i: number): Uint8Array {
  const host = i % HOSTS_OF_AGENT;
  const name = [4, 0x76000000 + (i & 0xffffff)];
  const descr = [2000, 4 * (name.length + 4 + 3), ...name, 0, 0, i, 1, 3, 2, 0];
  const adapters = [2001, 20, 1, 1, 1, 0x02000000 + (i & 0xffffff), i << 16];
  const sample = [0, (3 << 24) + host, 2, ...descr, ...adapters];
  const head = [5, 1, 0x0a400000 + Math.floor(i / HOSTS_OF_AGENT), 0, i, 0, 1];
  const words = [...head, 2, 4 * sample.length, ...sample];
  words.forEach((word, j) => {
    buffer.writeUInt32BE(word >>> 0, 4 * j);
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
