// The datagrams of `bench decode`, from a fixed seed: NetFlow v9 and IPFIX with 18 fields, NetFlow v5, sFlow v5 with a
// 128-byte Ethernet header a sample.

export interface DecodeVariant {
  readonly about: string;
  readonly datagrams: { readonly templates: readonly Uint8Array[]; readonly data: Uint8Array };
  readonly records: number;
  /** Turns the data into the next datagram of its exporter: sequence numbers, and the pools of sFlow, go on. */
  advance(): void;
}

/** [element, length]: 18 fields that a switch with layer-2 keys exports. */
const FIELDS_V9 = [
  [8, 4], [12, 4], [7, 2], [11, 2], [4, 1], [5, 1], [6, 1], [10, 4], [14, 4],
  [1, 8], [2, 8], [22, 4], [21, 4], [56, 6], [80, 6], [58, 2], [61, 1], [34, 4],
] as const; // biome-ignore format: one row is easier to compare
const FIELDS_IPFIX = FIELDS_V9.map(([id, length]) =>
  id === 22 ? ([152, 8] as const) : id === 21 ? ([153, 8] as const) : ([id, length] as const),
);

const DATAGRAM_BYTES = 1400;

/** Pseudo-random bytes, the same in every run (a linear congruential generator is enough here). */
function fillBytes(bytes: Uint8Array, start: number): void {
  let state = 12345;
  for (let i = start; i < bytes.length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    bytes[i] = state >>> 16;
  }
}

function templated(
  version: 9 | 10,
  fields: readonly (readonly [number, number])[],
  headerBytes: number,
): DecodeVariant {
  const recordBytes = fields.reduce((sum, [, length]) => sum + length, 0);
  const records = Math.floor((DATAGRAM_BYTES - headerBytes - 4) / recordBytes);
  const template = Buffer.alloc(headerBytes + 8 + fields.length * 4);
  writeHeader(template, version, 1);
  template.writeUInt16BE(version === 9 ? 0 : 2, headerBytes);
  template.writeUInt16BE(8 + fields.length * 4, headerBytes + 2);
  template.writeUInt16BE(256, headerBytes + 4);
  template.writeUInt16BE(fields.length, headerBytes + 6);
  fields.forEach(([id, length], i) => {
    template.writeUInt16BE(id, headerBytes + 8 + 4 * i);
    template.writeUInt16BE(length, headerBytes + 10 + 4 * i);
  });
  const data = Buffer.alloc(headerBytes + 4 + records * recordBytes);
  fillBytes(data, headerBytes + 4);
  writeHeader(data, version, records);
  data.writeUInt16BE(256, headerBytes);
  data.writeUInt16BE(4 + records * recordBytes, headerBytes + 2);
  const view = viewOf(data);
  return {
    about: `${version === 9 ? 'NetFlow v9' : 'IPFIX'}, 18 fields, ${recordBytes} B a record`,
    datagrams: { templates: [template], data },
    records,
    advance: () => addTo(view, version === 9 ? 12 : 8, version === 9 ? 1 : records),
  };
}

function viewOf(data: Buffer): DataView {
  return new DataView(data.buffer, data.byteOffset, data.length);
}

/** Adds to a 32-bit counter on the wire, which wraps. */
function addTo(view: DataView, offset: number, step: number): void {
  view.setUint32(offset, view.getUint32(offset) + step);
}

function writeHeader(datagram: Buffer, version: 9 | 10, count: number): void {
  datagram.writeUInt16BE(version, 0);
  datagram.writeUInt16BE(version === 9 ? count : datagram.length, 2);
  if (version === 9) datagram.writeUInt32BE(100_000, 4);
  datagram.writeUInt32BE(1_700_000_000, version === 9 ? 8 : 4);
}

function netflow5(): DecodeVariant {
  const records = 29;
  const data = Buffer.alloc(24 + records * 48);
  fillBytes(data, 24);
  data.writeUInt16BE(5, 0);
  data.writeUInt16BE(records, 2);
  data.writeUInt32BE(100_000, 4);
  data.writeUInt32BE(1_700_000_000, 8);
  data.writeUInt16BE(0x4064, 22);
  const view = viewOf(data);
  return {
    about: 'NetFlow v5, 48 B a record',
    datagrams: { templates: [], data },
    records,
    advance: () => addTo(view, 16, records),
  };
}

function sflow5(): DecodeVariant {
  const records = 6;
  const sampleBytes = 32 + 8 + 16 + 128;
  const data = Buffer.alloc(28 + records * (8 + sampleBytes));
  data.writeUInt32BE(5, 0);
  data.writeUInt32BE(1, 4);
  data.writeUInt32BE(0xc0000201, 8);
  data.writeUInt32BE(records, 24);
  for (let i = 0; i < records; i++) {
    const at = 28 + i * (8 + sampleBytes);
    const words = [1, sampleBytes, i, 3, 1000, i * 1000, 0, 3, 4, 1, 1, 144, 1, 1418, 4, 128];
    words.forEach((word, j) => data.writeUInt32BE(word, at + 4 * j));
    const frame = at + 64;
    data.writeUInt16BE(0x8100, frame + 12);
    data.writeUInt16BE(100 + i, frame + 14);
    data.writeUInt16BE(0x0800, frame + 16);
    data.writeUInt16BE(0x4500, frame + 18);
    data.writeUInt16BE(1400, frame + 20);
    data.writeUInt8(6, frame + 27);
    data.writeUInt32BE(0x0a000001 + i, frame + 30);
    data.writeUInt32BE(0x0a000101 + i, frame + 34);
    data.writeUInt16BE(40000 + i, frame + 38);
    data.writeUInt16BE(443, frame + 40);
  }
  const view = viewOf(data);
  return {
    about: 'sFlow v5, Ethernet + 802.1Q + IPv4 + TCP header',
    datagrams: { templates: [], data },
    records,
    advance() {
      addTo(view, 16, 1);
      for (let i = 0; i < records; i++) {
        const sample = 28 + i * (8 + sampleBytes);
        addTo(view, sample + 8, records);
        addTo(view, sample + 20, 1000 * records);
      }
    },
  };
}

export const DECODE_VARIANTS = {
  netflow9: templated(9, FIELDS_V9, 20),
  ipfix: templated(10, FIELDS_IPFIX, 16),
  netflow5: netflow5(),
  sflow5: sflow5(),
} as const;
export type VariantName = keyof typeof DECODE_VARIANTS;
