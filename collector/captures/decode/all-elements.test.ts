// `hairpin decode --all-elements`: lines and blocks from datagrams of our own, and the whole corpus, where every file ends
// and every line is JSON. Values are held against other decoders in all-elements.oracle.test.ts.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import { createBatch } from '../../../schemas/batch.ts';
import { DECODED_COLUMNS } from '../../../schemas/flow.ts';
import { corpusFiles, pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import {
  type Bytes,
  CORPUS_GROUPS,
  datagramOf,
  ethernet,
  expandedSample,
  type FieldSpec,
  fixedNetflow,
  flowSample,
  hex,
  ip4,
  ipfix,
  ipfixOptions,
  ipv4,
  netflow5,
  netflow9,
  RECEIVED_MS,
  record5,
  rest8,
  sampledHeader,
  set,
  sflow,
  src6,
  tcp,
  template,
  typed,
  u8,
  u16,
  u32,
  u64,
  v9Options,
  zeros,
} from '../../../testing/data/datagrams.ts';
import { Decoder } from '../../decode/decoder.ts';
import type { FlowBatch } from '../../decode/flow-batch.ts';
import { builtInElements, loadElements } from '../../elements/element-registry.ts';
import { readCapture } from '../capture.ts';
import { ElementPrinter } from './all-elements.ts';
import { decodeFiles } from './decode-files.ts';
import type { ElementFormat } from './element-text.ts';
import { COUNTER_LAYOUTS, FLOW_LAYOUTS } from './sflow-layouts.ts';

const ready = requireCorpus();
const names = builtInElements();
const folder = mkdtempSync(join(tmpdir(), 'hairpin-all-elements-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Line = Readonly<Record<string, unknown>>;

function printer(format: ElementFormat = 'jsonl', charsMax?: number) {
  const output = {
    batch: createBatch(DECODED_COLUMNS, 256) as unknown as FlowBatch,
    flush() {
      output.batch.rows = 0;
    },
  };
  const limits = { templatesMax: 1000, exportersMax: 1000 };
  const decoder = new Decoder(output, limits);
  const made = new ElementPrinter(decoder, names, format, charsMax);
  const text = (payload: Uint8Array, timeMs = RECEIVED_MS) =>
    made.decode({ payload, source: '198.51.100.1', sourcePort: 50000, destinationPort: 4739, timeMs }).text;
  const lines = (payload: Uint8Array, timeMs?: number): Line[] =>
    text(payload, timeMs)
      .split('\n')
      .slice(0, -1)
      .map(line => JSON.parse(line) as Line);
  return { decoder, made, text, lines };
}

/** The elements of what is no header. */
function elementsOf(lines: readonly Line[]): unknown[] {
  return lines.filter(line => line['kind'] !== 'header').map(line => line['elements']);
}

class Sink extends Writable {
  text = '';
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

async function decodeAll(files: readonly string[], options: Partial<Parameters<typeof decodeFiles>[1]> = {}) {
  const [out, err] = [new Sink(), new Sink()];
  await decodeFiles(files, { format: 'jsonl', allElements: true, ...options }, out, err);
  await new Promise<void>(done => err.end(done));
  return { out: out.text, err: err.text };
}

function write(name: string, bytes: Uint8Array): string {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
}

const ADDRESSES: FieldSpec[] = [
  [8, 4],
  [12, 4],
];

describe('a record of a template', () => {
  test('is one line, with where it comes from and every element by name', () => {
    const message = ipfix(
      [set(2, template(300, [...ADDRESSES, [1, 8]])), set(300, ip4('10.0.0.1'), ip4('10.0.0.2'), u64(7))],
      { domain: 5, sequence: 9 },
    );
    expect(printer().text(message).split('\n')).toEqual([
      '{"exporter":"198.51.100.1","port":50000,"protocol":"ipfix","domain":5,"receivedAt":"2020-01-01T00:00:00.250Z","kind":"header","elements":{"version":10,"length":56,"exportTime":1577836800,"sequenceNumber":9,"observationDomainId":5}}',
      '{"exporter":"198.51.100.1","port":50000,"protocol":"ipfix","domain":5,"receivedAt":"2020-01-01T00:00:00.250Z","kind":"data","template":300,"elements":{"sourceIPv4Address":"10.0.0.1","destinationIPv4Address":"10.0.0.2","octetDeltaCount":7}}',
      '',
    ]);
  });

  test('keeps 64 bits as digits, repeats of an element as a list, and what has no name as octets under its number', () => {
    const fields: FieldSpec[] = [
      [1, 8],
      [4, 1],
      [4, 1],
      [77, 2, 99999],
      [77, 2, 9],
      [32000, 1],
    ];
    const data = set(300, u64(2n ** 64n - 1n), [4, 17], hex('0102'), hex('0304'), [5]);
    const text = printer().text(ipfix([set(2, template(300, fields)), data]));
    expect(text).toContain('"octetDeltaCount":18446744073709551615,');
    expect(elementsOf([JSON.parse(text.split('\n')[1]!) as Line])).toEqual([
      {
        octetDeltaCount: 2 ** 64,
        protocolIdentifier: [4, 17],
        '99999.77': '0102',
        'Cisco.77': '0304',
        32000: '05',
      },
    ]);
  });

  test('of options reports its scope apart', () => {
    const options = set(3, ipfixOptions(400, [[149, 4]], [[34, 4]]));
    const [, line] = printer().lines(ipfix([options, set(400, u32(7), u32(1000))]));
    expect(line).toMatchObject({ kind: 'options', template: 400, scope: { observationDomainId: 7 } });
    expect(line!['elements']).toEqual({ samplingInterval: 1000 });
  });

  test('of NetFlow v9 options has the scope types of RFC 3954, which are no elements', () => {
    const options = set(
      1,
      v9Options(
        400,
        [
          [1, 4],
          [2, 2],
          [48, 1],
        ],
        [[34, 4]],
      ),
    );
    const [, line] = printer().lines(netflow9([options, set(400, u32(7), u16(3), u8(2), u32(1000))]));
    expect(line!['scope']).toEqual({ system: 7, interface: 3, samplerId: 2 });
  });

  test('shows lists as the records they hold, those of one list in one array', () => {
    const macs: FieldSpec[] = [
      [56, 6],
      [58, 2],
    ];
    const list = [3, ...u16(400), ...hex('020000000001'), ...u16(10), ...hex('020000000002'), ...u16(11)];
    const basic = [3, ...u16(58), ...u16(2), ...u16(20), ...u16(21)];
    const templates = set(
      2,
      template(300, [
        [292, 65535],
        [291, 65535],
        [291, 65535],
      ]),
      template(400, macs),
    );
    const [, line] = printer().lines(ipfix([templates, set(300, [list.length, ...list, basic.length, ...basic, 0])]));
    expect(line!['elements']).toEqual({
      subTemplateList: [
        { sourceMacAddress: '02:00:00:00:00:01', vlanId: 10 },
        { sourceMacAddress: '02:00:00:00:00:02', vlanId: 11 },
      ],
      basicList: [[{ vlanId: 20 }, { vlanId: 21 }], []],
    });
  });

  test('that waited for its template is reported when that comes, with the time it came itself', () => {
    const { lines } = printer();
    expect(elementsOf(lines(ipfix([set(300, u32(77))]), RECEIVED_MS))).toEqual([]);
    const later = lines(ipfix([set(2, template(300, [[1, 4]]))]), RECEIVED_MS + 60_000);
    expect(later.map(({ kind, receivedAt }) => [kind, receivedAt])).toEqual([
      ['header', '2020-01-01T00:01:00.250Z'],
      ['data', '2020-01-01T00:00:00.250Z'],
    ]);
    expect(elementsOf(later)).toEqual([{ octetDeltaCount: 77 }]);
  });

  test('has the names of a file of the installation, whose columns rows get', async () => {
    const elements = write(
      'elements.tsv',
      Buffer.from('pen\tid\tname\ttype\tunits\tcolumn\n99999\t77\tbridgeBytes\tunsigned32\toctets\tbytes\n'),
    );
    const file = write('own.bin', ipfix([set(2, template(300, [[77, 4, 99999]])), set(300, u32(1234))]));
    const loaded = { elements: loadElements(elements) };
    expect((await decodeAll([file], loaded)).out).toContain('"elements":{"bridgeBytes":1234}}');
    expect((await decodeAll([file], { ...loaded, format: 'table' })).out).toContain('  bridgeBytes: 1234 octets\n');
    const rows = await decodeAll([file], { ...loaded, allElements: false });
    expect(JSON.parse(rows.out)).toMatchObject({ bytes: 1234 });
  });
});

test('a block for people has a line an element, with its unit, and lists below their names', () => {
  const templates = set(2, template(300, [...ADDRESSES, [2, 4], [4, 1], [4, 1], [292, 65535], [152, 8]]));
  const list = [3, ...u16(400), ...u16(10), 6, ...u16(11), 17];
  const inner = set(
    2,
    template(400, [
      [58, 2],
      [4, 1],
    ]),
  );
  const data = set(300, ip4('10.0.0.1'), ip4('10.0.0.2'), u32(3), [4, 17], [list.length, ...list], u64(1577836800250));
  const { text } = printer('table');
  const options = [set(3, ipfixOptions(500, [[149, 4]], [[82, 4]])), set(500, u32(7), hex('65746830'))];
  expect(
    text(ipfix([templates, inner, data, ...options]))
      .split('\n')
      .slice(6),
  ).toEqual([
    '198.51.100.1:50000  ipfix  domain 0  2020-01-01T00:00:00.250Z  data, template 300',
    '  sourceIPv4Address: 10.0.0.1',
    '  destinationIPv4Address: 10.0.0.2',
    '  packetDeltaCount: 3 packets',
    '  protocolIdentifier: 4, 17',
    '  subTemplateList:',
    '    - vlanId: 10',
    '      protocolIdentifier: 6',
    '    - vlanId: 11',
    '      protocolIdentifier: 17',
    '  flowStartMilliseconds: 2020-01-01T00:00:00.250Z',
    '198.51.100.1:50000  ipfix  domain 0  2020-01-01T00:00:00.250Z  options, template 500',
    '  scope:',
    '    observationDomainId: 7',
    '  interfaceName: eth0',
    '',
  ]);
});

test('a name that would steer the terminal does not', () => {
  const name = Buffer.from('a\u001b[2J\u009b\u202eb\n"');
  const message = ipfix([set(2, template(300, [[82, name.length]])), set(300, [...name])]);
  const json = printer().text(message).split('\n')[1]!;
  expect(json).toContain('"interfaceName":"a\\u001b[2J\\u009b\\u202eb\\n\\""');
  expect((JSON.parse(json) as { elements: Line }).elements['interfaceName']).toBe('a\u001b[2J\u009b\u202eb\n"');
  expect(printer('table').text(message)).toContain('  interfaceName: a\ufffd[2J\ufffd\ufffdb\ufffd"\n');
});

test('what a datagram says beyond the bound is left out and counted', () => {
  const { text, made } = printer('jsonl', 1000);
  const message = ipfix([set(2, template(300, [[4, 1]])), set(300, Array<number>(100).fill(6))]);
  const lines = text(message).split('\n').length - 1;
  expect(lines).toBeLessThan(10);
  expect(made.notes()).toBe(`${101 - lines} records or sets left out: their datagrams say too much\n`);
  expect(text(netflow5([record5()])).split('\n').length - 1).toBe(2);
});

describe('NetFlow v1 to v8', () => {
  test('have the fields that Cisco names, in their order, and the header in a line of its own', () => {
    const [header, record] = printer().lines(netflow5([record5()], { sequence: 11, engine: 0x0102, sampling: 0x4064 }));
    expect(header).toMatchObject({ kind: 'header', protocol: 'netflow5', domain: 0x0102 });
    expect(header!['elements']).toMatchObject({
      flow_sequence: 11,
      engine_type: 1,
      engine_id: 2,
      sampling_mode: 1,
      sampling_interval: 100,
    });
    expect(Object.entries(record!['elements'] as Line)).toEqual([
      ['srcaddr', '10.0.0.1'],
      ['dstaddr', '10.0.0.2'],
      ['nexthop', '10.0.0.254'],
      ['input', 3],
      ['output', 4],
      ['dPkts', 1],
      ['dOctets', 100],
      ['first', 999_999_000],
      ['last', 1_000_000_000],
      ['srcport', 40000],
      ['dstport', 443],
      ['tcp_flags', 27],
      ['prot', 6],
      ['tos', 16],
      ['src_as', 0],
      ['dst_as', 0],
      ['src_mask', 0],
      ['dst_mask', 0],
    ]);
  });

  const FIXED: readonly (readonly [name: string, version: number, rest: Bytes])[] = [
    ['version 1', 1, []],
    ['version 5', 5, zeros(8)],
    ['version 6', 6, zeros(8)],
    ['version 7', 7, zeros(8)],
    ...Array.from({ length: 14 }, (_, i) => [`version 8, aggregation ${i + 1}`, 8, rest8(i + 1)] as const),
  ];

  // The count allows for any number, so that the length of the datagram alone decides: a layout that is longer or shorter
  // than the decoder's gives another number for some length.
  test.each(FIXED)('%s has records as long as the decoder takes them', (_, version, rest) => {
    const { decoder, lines } = printer();
    const counts = Array.from({ length: 200 }, (__, bytes) => {
      const reported = lines(fixedNetflow(version, rest, [zeros(bytes)], { count: 65535 })).length - 1;
      expect(reported).toBe(decoder.context.records);
      return reported;
    });
    expect(counts[0]).toBe(0);
    expect(counts.at(-1)).toBeGreaterThanOrEqual(3);
  });
});

describe('sFlow', () => {
  test('samples have one form, whether compact or expanded', () => {
    const header = sampledHeader(ethernet(0x0800, ipv4(tcp())));
    const [, compact, expanded] = printer().lines(
      sflow([
        flowSample([header], { source: 0x02000003, output: 0x80000005 }),
        expandedSample([header], { source: [2, 3], output: [2, 5] }),
      ]),
    );
    expect(compact).toMatchObject({ exporter: '192.0.2.1', kind: 'sample', structure: 'flow_sample' });
    expect(expanded!['structure']).toBe('flow_sample_expanded');
    expect(compact!['elements']).toEqual(expanded!['elements']);
    expect(compact!['elements']).toMatchObject({
      source_id: { source_id_type: 2, source_id_index: 3 },
      sampling_rate: 512,
      sample_pool: 100000,
      drops: 0,
      input: { format: 0, value: 3 },
      output: { format: 2, value: 5 },
      sampled_header: { protocol: 1, frame_length: 58, stripped: 4 },
    });
  });

  const text = (value: string): Bytes => [...u32(value.length), ...Buffer.from(value), ...zeros(-value.length & 3)];
  const counters = (...records: readonly Bytes[]) => sflow([typed(2, u32(1), u32(3), u32(records.length), ...records)]);

  test('host structures have their names and fields', () => {
    const uuid = hex('00112233445566778899aabbccddeeff');
    const mac = (last: number): Bytes => [...hex('0200000000'), last, 0, 0];
    const [elements] = elementsOf(
      printer().lines(
        counters(
          typed(2000, text('vm-1'), uuid, u32(3), u32(2), text('6.1')),
          typed(2001, u32(2), u32(1), u32(1), mac(1), u32(2), u32(2), mac(2), mac(3)),
          typed(2002, u32(2), u32(1)),
          typed(2101, u32(1), u32(500), u32(4)),
          typed(1005, text('eth0')),
          typed(2003, hex('3f000000 3e800000 40000000'), ...Array.from({ length: 14 }, (_, i) => u32(i))),
        ),
      ),
    ) as [Line];
    expect(elements).toMatchObject({
      host_descr: {
        hostname: 'vm-1',
        uuid: Buffer.from(uuid).toString('hex'),
        machine_type: 3,
        os_name: 2,
        os_release: '6.1',
      },
      host_adapters: {
        adapters: [
          { ifIndex: 1, mac_address: ['02:00:00:00:00:01'] },
          { ifIndex: 2, mac_address: ['02:00:00:00:00:02', '02:00:00:00:00:03'] },
        ],
      },
      host_parent: { container_type: 2, container_index: 1 },
      virt_cpu: { state: 1, cpuTime: 500, nrVirtCpu: 4 },
      port_name: { name: 'eth0' },
      host_cpu: { load_one: 0.5, load_five: 0.25, load_fifteen: 2, proc_run: 0, contexts: 13 },
    });
  });

  test('records of one structure make a list; unknown ones and what follows known fields are octets', () => {
    const samples = [
      typed(1005, text('a')),
      typed(1005, text('b')),
      typed(4095, hex('01020304')),
      typed(((8800 << 12) | 5) >>> 0, hex('0506')),
      typed(2002, u32(2), u32(1), hex('deadbeef')),
    ];
    expect(elementsOf(printer().lines(counters(...samples)))).toEqual([
      {
        sequence_number: 1,
        source_id: { source_id_type: 0, source_id_index: 3 },
        records: 5,
        port_name: [{ name: 'a' }, { name: 'b' }],
        0.4095: { data: '01020304' },
        8800.5: { data: '0506' },
        host_parent: { container_type: 2, container_index: 1, data: 'deadbeef' },
      },
    ]);
  });

  test.each([
    ['a list', 1012, [...u32(0xffffffff), ...u32(1)], { data: 'ffffffff00000001' }],
    ['a string', 1038, [...u32(0x7fffffff), ...u32(1)], { data: '7fffffff00000001' }],
    [
      'an AS path',
      1003,
      [...u32(1), ...ip4('10.0.0.9'), ...u32(1), ...u32(2), ...u32(3), ...u32(1), ...u32(2), ...u32(9)],
      { nexthop: '10.0.0.9', as: 1, src_as: 2, src_peer_as: 3, data: '000000010000000200000009' },
    ],
    ['an address', 1002, [...u32(3), ...u32(1)], { data: '0000000300000001' }],
  ] as const)('%s that does not fit ends the fields, and the rest is octets', (_, type, body, reported) => {
    const [, sample] = printer().lines(sflow([flowSample([typed(type, body)])]));
    const [record] = Object.values(sample!['elements'] as Line).slice(-1);
    expect(record).toEqual(reported);
  });

  test('a gateway has its path and communities', () => {
    const gateway = typed(
      1003, u32(2), src6, u32(65000), u32(65001), u32(65002),
      u32(2), u32(2), u32(2), u32(1), u32(2), u32(1), u32(1), u32(3), u32(2), u32(100), u32(200), u32(50),
    ); // biome-ignore format: one record
    const [, sample] = printer().lines(sflow([flowSample([gateway])]));
    expect((sample!['elements'] as Line)['extended_gateway']).toEqual({
      nexthop: '2001:db8::1',
      as: 65000,
      src_as: 65001,
      src_peer_as: 65002,
      dst_as_path: [
        { type: 2, as_number: [1, 2] },
        { type: 1, as_number: [3] },
      ],
      communities: [100, 200],
      localpref: 50,
    });
  });

  test('every layout names types that exist, and each field once', () => {
    for (const [counter, table] of [
      [false, FLOW_LAYOUTS],
      [true, COUNTER_LAYOUTS],
    ] as const) {
      for (const [type, layout] of Object.entries(table)) {
        const [enterprise, format] = type.split('.').map(Number) as [number, number];
        const record = typed(((enterprise << 12) | format) >>> 0, zeros(400));
        const [, sample] = printer().lines(counter ? counters(record) : sflow([flowSample([record])]));
        const [reported] = Object.values(sample!['elements'] as Line).slice(-1) as [Line];
        expect(Object.keys(reported).slice(0, layout.length)).toEqual(layout.map(({ name }) => name));
        expect(new Set(layout.map(({ name }) => name)).size).toBe(layout.length);
      }
    }
  });

  test('2 and 4 are counted, and the end says that they have rows', () => {
    const { lines, made } = printer();
    expect(lines(datagramOf(u32(4), u32(1), ip4('192.0.2.1'), u32(1), u32(2), u32(0)))).toEqual([]);
    expect(made.notes()).toBe('1 datagrams of sFlow 2 and 4 have rows only: leave --all-elements out\n');
  });
});

describe('the summary', () => {
  test('ends with the fields of every template', async () => {
    const file = write(
      'templates.bin',
      Buffer.concat([
        ipfix([set(2, template(300, [[8, 4], [82, 65535], [7, 2, 99999]])), set(3, ipfixOptions(400, [[149, 4]], [[34, 4]]))]),
        netflow9([set(1, v9Options(500, [[1, 0]], [[34, 4]]))]),
      ]),
    ); // biome-ignore format: two messages
    const { err } = await decodeAll([write('v9.bin', netflow9([set(1, v9Options(500, [[1, 0]], [[34, 4]]))])), file]);
    expect(err).toContain(
      'templates:\n' +
        '  0.0.0.0 netflow9 domain 0 template 500: options of system/0: samplingInterval/4\n' +
        '  0.0.0.0 ipfix domain 0 template 300: sourceIPv4Address/4, interfaceName/v, 99999.7/2\n' +
        '  0.0.0.0 ipfix domain 0 template 400: options of observationDomainId/4: samplingInterval/4\n',
    );
  });

  test('lists so many templates and fields, and counts the others', async () => {
    const wide = Array.from({ length: 120 }, (): FieldSpec => [4, 1]);
    const templates = Array.from({ length: 250 }, (_, i) => template(300 + i, i === 0 ? wide : [[4, 1]]));
    const { err } = await decodeAll([write('many.bin', ipfix(templates.map(one => set(2, one))))]);
    expect(err.match(/ template \d+:/g)!.length).toBe(200);
    expect(err).toMatch(/ template 300: (protocolIdentifier\/1, ){100}and 20 more\n/);
    expect(err).toMatch(/\n {2}and 50 more\n/);
  });

  test('reports sessions of one address by their ports, and what was learned, waits and is broken', async () => {
    const pcap = (frames: readonly (readonly [port: number, payload: Uint8Array])[]) =>
      datagramOf(
        u32(0xa1b2c3d4), u16(2), u16(4), u32(0), u32(0), u32(262144), u32(101),
        frames.flatMap(([port, payload]) => {
          const length = 28 + payload.length;
          const ip = [0x45, 0, ...u16(length), ...zeros(4), 64, 17, 0, 0, ...ip4('10.0.0.1'), ...ip4('10.0.0.2')];
          const udp = [...u16(port), ...u16(4739), ...u16(length - 20), 0, 0];
          return [...u32(1577836800), ...u32(0), ...u32(length), ...u32(length), ...ip, ...udp, ...payload];
        }),
      ); // biome-ignore format: headers
    const file = write(
      'sessions.pcap',
      pcap([
        [5000, ipfix([set(2, template(300, [[4, 1]])), set(300, [6, 6])])],
        [5000, ipfix([set(2, template(300, [[58, 2]])), [...u16(7), ...u16(4)]], { sequence: 2 })],
        [6000, ipfix([set(300, [6, 6])])],
      ]),
    );
    const [, head, ...rows] = (await decodeAll([file], { allElements: false })).err.split('\n');
    const columns = head!.split(/ {2,}/);
    const starts = columns.map(column => head!.indexOf(column));
    const reported = rows.slice(0, 2).map(row => columns.map((_, i) => row.slice(starts[i], starts[i + 1]).trim()));
    expect(columns.join(' ')).toBe(
      'exporter protocol domain datagrams records templates learned sampling lost waiting broken',
    );
    expect(reported.sort()).toEqual([
      ['10.0.0.1:5000', 'ipfix', '0', '2', '2', '1', '2', 'unknown', '0', '', '1'],
      ['10.0.0.1:6000', 'ipfix', '0', '1', '0', '0', '', 'unknown', '0', '1', ''],
    ]);
  });
});

test('the summary reports how often an exporter started again', async () => {
  const before = write('before.bin', netflow5([record5()], { sequence: 100 }));
  const after = write('after.bin', netflow5([record5()], { sequence: 0, uptime: 5000 }));
  const lines = (await decodeAll([before, after])).err.split('\n');
  const head = lines.find(line => line.startsWith('exporter'))!;
  const row = lines[lines.indexOf(head) + 1]!;
  expect(row.slice(head.indexOf('restarts'))).toBe('1');
});

test('the example of the documentation is what comes out', async () => {
  const documentation = readFileSync(new URL('../../../docs/COLLECTOR.md', import.meta.url), 'utf8');
  const [, block] = /```console\n\$ npx hairpin decode --all-elements --format table capture\.bin\n(.*?)```/s.exec(
    documentation,
  )!;
  const capture = write(
    'capture.bin',
    ipfix(
      [
        set(2, template(256, [...ADDRESSES, [11, 2], [4, 1], [1, 4], [243, 2], [351, 8]])),
        set(256, ip4('10.1.0.10'), ip4('10.2.0.20'), u16(443), u8(6), u32(1500), u16(100), u64(5001)),
      ],
      { domain: 313 },
    ),
  );
  const { out, err } = await decodeAll([capture], { format: 'table' });
  expect((out + err).replaceAll(capture, 'capture.bin')).toBe(block);
});

describe.skipIf(!ready)('the whole corpus', () => {
  const files = ready ? corpusFiles().filter(file => !/\.(json|yaml|tsv|txt|out)$/.test(file)) : [];
  const grouped = new Set(CORPUS_GROUPS.flat());
  const groups = [...CORPUS_GROUPS, ...files.filter(file => !grouped.has(file)).map(file => [file])];

  test('is reported without a throw, each file in less than two seconds, each line a JSON object', async () => {
    const kinds = new Map<string, number>();
    for (const group of groups) {
      const startedAt = performance.now();
      const { out } = await decodeAll(group.map(file => pathOf(file)));
      expect(performance.now() - startedAt).toBeLessThan(2000);
      for (const line of out.split('\n').slice(0, -1)) {
        const { protocol, kind, elements } = JSON.parse(line) as Line;
        expect(elements).toBeTypeOf('object');
        const key = `${protocol} ${kind}`;
        kinds.set(key, (kinds.get(key) ?? 0) + 1);
      }
    }
    expect(files.length).toBeGreaterThan(400);
    expect([...kinds.keys()].sort()).toEqual([
      'ipfix data', 'ipfix header', 'ipfix options', 'netflow1 data', 'netflow1 header', 'netflow5 data', 'netflow5 header',
      'netflow6 data', 'netflow6 header', 'netflow7 data', 'netflow7 header', 'netflow8 data', 'netflow8 header',
      'netflow9 data', 'netflow9 header', 'netflow9 options', 'sflow5 header', 'sflow5 sample',
    ]); // biome-ignore format: one list
  });

  test.each([
    'made/softflowd-v1.pcap',
    'made/softflowd-v5.pcap',
    'made/softflowd-v9.pcap',
    'made/softflowd-ipfix.pcap',
    'akvorado/sflow/data-1140.pcap',
  ])('%s has as many lines as flow records', async file => {
    const { out, err } = await decodeAll([pathOf(file)]);
    const reported = out
      .split('\n')
      .filter(line => line.includes('"kind":"data"') || line.includes('"structure":"flow_sample'));
    expect(reported.length).toBe(Number(/, (\d+) records\n/.exec(err)![1]));
    expect(reported.length).toBeGreaterThan(0);
  });

  test.each([
    'NetGauze/flow/srv6/srv6.pcap',
    'akvorado/sflow/data-1140.pcap',
    'cistern-sflow/event_discarded_packet.dump',
    'gopacket/extracted/sflow_test__SFlowTestPacket12_12.bin',
    'logstash-codec-netflow/ipfix_test_yaf_tpls_option_tpl.dat',
    'beats/extracted/v8_TosPrefix.bin',
    'tcpdump/sflow_multiple_counter_30_pdus.pcap',
  ])('%s cut at any byte, or with any byte at its largest, is reported in whole lines', file => {
    const { datagrams } = readCapture(pathOf(file));
    for (const { payload } of datagrams.slice(0, 3)) {
      const { lines } = printer();
      expect(lines(payload)[0]).toMatchObject({ kind: 'header' });
      for (let length = 0; length < payload.length; length++) {
        lines(payload.slice(0, length));
        lines(payload.map((byte, i) => (i === length ? 255 : byte)));
      }
    }
  });
});
