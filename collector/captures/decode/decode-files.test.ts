// `hairpin decode` over small files of our own, and over the whole corpus: every file ends, and which files give no
// records is known by name and reason.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DECODED_COLUMNS } from '../../../schemas/flow.ts';
import { reasonWithoutRecords, WITHOUT_RECORDS } from '../../../testing/conformance/without-records.ts';
import { corpusFiles, pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import {
  Bench,
  CORPUS_GROUPS,
  ethernet,
  ipfix,
  ipv4,
  netflow5,
  record5,
  set,
  tcp,
  template,
  u16,
  u32,
  u64,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { erspan2, vxlan } from '../../../testing/data/packets.ts';
import { type DecodeFormat, decodeFiles } from './decode-files.ts';

const ready = requireCorpus();

const FILES = ready ? corpusFiles().filter(file => !/\.(json|yaml|tsv|txt|out)$/.test(file)) : [];

/** Groups that share templates, in both folders that have them, then every other file alone. */
function corpusGroups(): (readonly string[])[] {
  const known = new Set(FILES);
  const twice = CORPUS_GROUPS.map(group => group.map(file => file.replace('logstash-codec-netflow/', 'beats/dat/')));
  const groups = [...new Set([...CORPUS_GROUPS, ...twice].map(group => group.join('|')))]
    .map(group => group.split('|'))
    .filter(group => group.every(file => known.has(file)));
  const grouped = new Set(groups.flat());
  return [...groups, ...FILES.filter(file => !grouped.has(file)).map(file => [file])];
}

const ETHERNET_FRAMES = [
  'gopacket/extracted/sflow_test__SFlowTestPacket1_0.bin',
  'gopacket/extracted/sflow_test__SFlowTestPacket2_1.bin',
];

/** A slow reader: takes a chunk at a time. */
class Sink extends Writable {
  readonly chunks: Buffer[] = [];
  /** The most bytes that ever waited behind the chunk in hand. */
  waitingMax = 0;
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.chunks.push(chunk);
    setImmediate(() => {
      this.waitingMax = Math.max(this.waitingMax, this.writableLength - chunk.length);
      done();
    });
  }
  get text(): string {
    return this.bytes.toString();
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

function columnNamed(name: string) {
  return DECODED_COLUMNS.find(column => column.name === name)!;
}

async function decode(files: readonly string[], format: DecodeFormat = 'jsonl', ...columns: readonly string[]) {
  const [out, err] = [new Sink(), new Sink()];
  const code = await decodeFiles(files, { format, columns: columns.map(columnNamed) }, out, err);
  await new Promise<void>(done => err.end(done));
  return { code, out, err: err.text };
}

describe('a file', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-decode-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, bytes: Uint8Array) => {
    writeFileSync(join(folder, name), bytes);
    return join(folder, name);
  };
  let v5 = '';
  beforeAll(() => {
    v5 = write('v5.bin', netflow5([record5(2, 3000), record5(1, 40)], { sampling: 100 }));
  });

  test('redacted has no whole address, MAC or station of an end, in every format', async () => {
    const four = template(256, [
      [8, 4],
      [12, 4],
      [56, 6],
      [80, 6],
      [349, 16],
      [1, 4],
    ]);
    const six = template(257, [
      [27, 16],
      [28, 16],
      [1, 4],
    ]);
    const octets = (text: string) => [...Buffer.from(text, 'hex')];
    const file = write(
      'ends.bin',
      ipfix([
        set(2, [...four, ...six]),
        set(
          256,
          octets('cb00714d'),
          octets('0a010203'),
          octets('005056aabbcc'),
          octets('00163e112233'),
          octets('ab'.repeat(16)),
          u32(1),
        ),
        set(257, octets('20010db8000700080000000000000009'), octets('fd000000000000000000000000000001'), u32(2)),
      ]),
    );
    const wanted = [
      {
        srcAddr: '203.0.113.0',
        dstAddr: '10.1.2.0',
        srcMac: '00:50:56:00:00:00',
        dstMac: '00:16:3e:00:00:00',
        stationId: '',
      },
      { srcAddr: '2001:db8:7::', dstAddr: 'fd00::', srcMac: '', dstMac: '', stationId: '' },
    ];
    for (const format of ['jsonl', 'csv', 'table', 'arrow'] as const) {
      const [out, err] = [new Sink(), new Sink()];
      expect(await decodeFiles([file], { format, redacted: true }, out, err)).toBe(0);
      if (format === 'jsonl')
        expect(
          out.text
            .trimEnd()
            .split('\n')
            .map(line => JSON.parse(line)),
        ).toMatchObject(wanted.map((row, i) => ({ ...row, bytes: i + 1 })));
      // The octets of what is hidden, as text and as they stand in columns.
      for (const hidden of ['203.0.113.77', '10.1.2.3', 'aa:bb:cc', '11:22:33', ':9', 'abab'])
        expect([format, out.text.includes(hidden)]).toEqual([format, false]);
      for (const hidden of ['cb00714d', '0a010203', 'ccbbaa', '332211', 'ab'.repeat(8)])
        expect([format, out.bytes.toString('hex').includes(hidden)]).toEqual([format, false]);
    }
    expect((await decode([file])).out.text).toContain('203.0.113.77');
  });

  test('becomes one JSON line a record, with every decoded column in order', async () => {
    const { code, out, err } = await decode([v5]);
    const lines = out.text.trimEnd().split('\n');
    const rows = lines.map(line => JSON.parse(line) as Record<string, unknown>);
    expect(code).toBe(0);
    expect(rows.map(row => Object.keys(row))).toEqual(
      [DECODED_COLUMNS, DECODED_COLUMNS].map(list => list.map(column => column.name)),
    );
    expect(rows[0]).toMatchObject({
      protocol: 'netflow5',
      flowEnd: '2020-01-01T00:00:00.000Z',
      srcAddr: '10.0.0.1',
      dstAddr: '10.0.0.2',
      bytes: 3000,
      packets: 2,
      samplingRate: 100,
      rateSource: 'header',
      srcMac: '',
      stationId: '',
    });
    expect(err.split('\n')).toEqual([
      `${v5}: raw, 1 datagrams, 2 records`,
      'exporter  protocol  domain  datagrams  records  templates  sampling        lost',
      '0.0.0.0   netflow5  0       1          2        0          1:100 (header)  0',
      '1 exporters, 2 records, 0 templates, 0 lost by sequence, 0 records of unknown sampling rate',
      'no faults',
      '',
    ]);
  });

  test('becomes CSV with the same values', async () => {
    const { out } = await decode([v5], 'csv');
    const [head, first, second, ...more] = out.text.trimEnd().split('\n');
    expect(more).toEqual([]);
    const value = (line: string, column: string) => line.split(',')[head!.split(',').indexOf(column)];
    expect([value(first!, 'srcAddr'), value(first!, 'bytes'), value(second!, 'bytes')]).toEqual([
      '10.0.0.1',
      '3000',
      '40',
    ]);
    expect(second!.split(',').length).toBe(DECODED_COLUMNS.length);
  });

  test('becomes a table for people, numbers to the right', async () => {
    const { out } = await decode([v5], 'table', 'srcAddr', 'protocol', 'bytes');
    expect(out.text.split('\n')).toEqual([
      'srcAddr          protocol       bytes',
      '10.0.0.1         netflow5        3000',
      '10.0.0.1         netflow5          40',
      '',
    ]);
    const [head, first] = (await decode([v5], 'table')).out.text.split('\n');
    expect(head).toMatch(/^flowStart .* exporter .* srcAddr .* dstPort .* bytes .* samplingRate$/);
    expect(first).toMatch(/10\.0\.0\.1 .* 10\.0\.0\.2 .* 3000 +100$/);
  });

  test.each([
    ['jsonl', '{"dstPort":443,"srcAddr":"10.0.0.1"}'],
    ['csv', '443,10.0.0.1'],
  ] as const)('has only the columns asked for, in their order, as %s', async (format, line) => {
    const { out } = await decode([v5], format, 'dstPort', 'srcAddr');
    expect(out.text.trimEnd().split('\n').at(-1)).toBe(line);
  });

  test('has only the columns asked for, in their order, as Arrow', async () => {
    const { out } = await decode([v5], 'arrow', 'dstPort', 'srcAddr');
    expect(tableFromIPC(out.bytes).schema.fields.map(field => field.name)).toEqual(['dstPort', 'srcAddr']);
  });

  test('becomes one Arrow stream', async () => {
    const { out } = await decode([v5, v5], 'arrow');
    const table = tableFromIPC(out.bytes);
    expect(table.numRows).toBe(4);
    expect([...(table.getChild('bytes') as Iterable<bigint>)]).toEqual([3000n, 40n, 3000n, 40n]);
  });

  test('of more rows than a batch holds loses none, in any format', async () => {
    const records = Array.from({ length: 2000 }, (_, i) => u64(i));
    const messages = Array.from({ length: 5 }, () => ipfix([set(300, ...records)]));
    const file = write('many.bin', Buffer.concat([ipfix([set(2, template(300, [[1, 8]]))]), ...messages]));
    const { out } = await decode([file]);
    const bytes = out.text
      .trimEnd()
      .split('\n')
      .map(line => (JSON.parse(line) as { bytes: number }).bytes);
    expect(bytes).toEqual(messages.flatMap(() => records.map((_, i) => i)));
    expect(tableFromIPC((await decode([file], 'arrow')).out.bytes).numRows).toBe(10_000);
  });

  test.each(['jsonl', 'csv'] as const)('is written as %s a batch at a time, as fast as it is read', async format => {
    // One-byte records: a single datagram fills two batches.
    const file = write(
      'dense.bin',
      Buffer.concat([
        ipfix([set(2, template(300, [[4, 1]]))]),
        ipfix([set(300, Array<number>(2 * 8192).fill(6))]),
        ipfix([set(300, [6, 6, 6, 6])]),
      ]),
    );
    const { out } = await decode([file], format);
    const lines = out.chunks.map(chunk => chunk.toString().split('\n').length - 1);
    expect(Math.max(...lines)).toBe(8192);
    expect(lines.reduce((sum, count) => sum + count)).toBe(2 * 8192 + 4 + (format === 'csv' ? 1 : 0));
    expect(out.waitingMax).toBe(0);
  });

  test('serves the next one with its templates', async () => {
    const templates = write('template.bin', ipfix([set(2, template(256, [[1, 8]]))]));
    const data = write('data.bin', ipfix([set(256, u64(77))]));
    expect((await decode([templates, data])).out.text).toContain('"bytes":77,');
    expect((await decode([data])).err).toContain('faults:\n  ipfix unknown-template: 1\n');
  });

  test('64-bit counters stay exact in every text format', async () => {
    const file = write('wide.bin', ipfix([set(2, template(256, [[1, 8]])), set(256, u64(2n ** 64n - 1n))]));
    expect((await decode([file])).out.text).toContain('"bytes":18446744073709551615,');
    expect((await decode([file], 'csv')).out.text).toContain(',18446744073709551615,');
  });

  test('that cannot be read gives one line and exit code 1, the others are decoded', async () => {
    const missing = join(folder, 'missing.pcap');
    const short = write('short.bin', Uint8Array.of(1, 2));
    const { code, out, err } = await decode([missing, short, v5]);
    expect(code).toBe(1);
    expect(out.text.trimEnd().split('\n').length).toBe(2);
    expect(err.split('\n').slice(0, 2)).toEqual([
      `CAPTURE_UNREADABLE: ${missing} cannot be read (ENOENT)`,
      `CAPTURE_UNREADABLE: ${short} has 2 bytes, too few for a datagram`,
    ]);
  });

  test('of mirrored frames gives a record a frame when their rate is stated, and passes them over otherwise', async () => {
    const frame = ethernet(0x0800, ipv4(tcp()));
    const greHeader = [...u16(0x1000), ...u16(0x88be), ...u32(1)];
    const inGre = [...greHeader, ...erspan2(7, frame)];
    const inVxlan = [...u16(50000), ...u16(4789), ...u16(16 + frame.length), ...u16(0), ...vxlan(9, frame)];
    const packets = [ipv4(inGre, { proto: 47 }), ipv4(inVxlan, { proto: 17 })];
    const packetsOfFile = packets.flatMap(packet => [
      ...u32(0),
      ...u32(0),
      ...u32(packet.length),
      ...u32(packet.length),
      ...packet,
    ]);
    const head = [...u32(0xa1b2c3d4), ...u16(2), ...u16(4), ...zeros(8), ...u32(65535), ...u32(101)];
    const file = write('mirror.pcap', Uint8Array.from([...head, ...packetsOfFile]));
    const [out, err] = [new Sink(), new Sink()];
    expect(await decodeFiles([file], { format: 'jsonl', mirrorRate: 100 }, out, err)).toBe(0);
    const rows = out.text
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(rows).toMatchObject([
      { protocol: 'mirror', observationDomain: 9, exporter: '10.1.0.1', srcPort: 40000, samplingRate: 100 },
      { protocol: 'mirror', observationDomain: 5, vlan: 7, bytes: 40, rateSource: 'override' },
    ]);
    expect((await decode([file])).err).toContain('1 datagrams, 0 records, 1 frames without a UDP payload');
  });

  test('of times far outside the calendar is written all the same', async () => {
    const file = write(
      'time.bin',
      ipfix([
        set(
          2,
          template(256, [
            [152, 8],
            [2, 2],
          ]),
        ),
        set(256, u64(2n ** 64n - 1n), u16(1)),
      ]),
    );
    expect((await decode([file])).out.text).toContain('"flowStart":"+275760-09-13T00:00:00.000Z"');
  });
});

describe.skipIf(!ready)('the whole corpus', () => {
  const groups = ready ? corpusGroups() : [];
  const records = new Map<string, number>();
  const summaries: { readonly err: string; readonly files: number; readonly tookMs: number }[] = [];

  beforeAll(async () => {
    for (const group of groups) {
      const startedAt = performance.now();
      const { err } = await decode(group.map(file => pathOf(file)));
      summaries.push({ err, files: group.length, tookMs: performance.now() - startedAt });
      for (const file of group) {
        const line = err.split('\n').find(text => text.startsWith(pathOf(`${file}: `)));
        records.set(file, Number(/, (\d+) records/.exec(line ?? '')?.[1] ?? 0));
      }
    }
  });

  test('is decoded without a throw, each file in less than two seconds, and prints its counters', () => {
    expect(records.size).toBeGreaterThan(400);
    for (const { err, tookMs } of summaries) {
      expect(tookMs).toBeLessThan(2000);
      expect(err).toMatch(/\n\d+ exporters, \d+ records, \d+ templates, \d+ lost by sequence, /);
      expect(err).toMatch(/\n(no faults|faults:\n( {2}\w+ [\w-]+: \d+\n)+)\n?$/);
    }
  });

  test('gives records from every file but those of the list, which is exact in both directions', () => {
    const without = [...records].filter(([, count]) => count === 0).map(([file]) => file);
    expect(without.sort()).toEqual(FILES.filter(file => reasonWithoutRecords(file) !== undefined).sort());
    const listed = Object.values(WITHOUT_RECORDS).flat();
    expect(listed.length).toBe(new Set(listed).size);
    expect(listed.filter(file => !FILES.includes(file))).toEqual([]);
  });

  test.each([
    ['made/softflowd-v5.pcap', 0],
    ['made/softflowd-v9.pcap', 0],
    ['made/softflowd-ipfix.pcap', 0],
    ['made/softflowd-ipfix-biflow.pcap', 0],
    ['made/ovs-ipfix.pcap', 0],
    ['NetGauze/flow/srv6/srv6.pcap', 0],
    ['pmacct/401-IPFIXv10-BMP-IPv6-CISCO-MPLS-multiple-sources/traffic-00.pcap', 0],
    // One record a message, and five of the messages are not in the capture.
    ['made/softflowd-psamp.pcap', 5],
  ])('%s lost %i by sequence', async (file, lost) => {
    expect((await decode([pathOf(file)])).err).toContain(`, ${lost} lost by sequence,`);
  });

  test.each(ETHERNET_FRAMES)('%s decodes once its Ethernet, IPv4 and UDP headers are off', async file => {
    const frame = readFileSync(pathOf(file));
    const bench = new Bench();
    expect(bench.decode(frame.subarray(42)).length).toBeGreaterThan(0);
    expect(bench.faults('sflow5')).toEqual({});
  });
});
