// `hairpin decode` over small files of our own, and over the whole corpus: every file ends, and which files give no
// records is known by name and reason.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import { requireTool } from '../../service/test-requirements.ts';
import { Bench, CORPUS, CORPUS_GROUPS, ipfix, netflow5, record5, set, template, u16, u64 } from '../decode/testdata.ts';
import { type DecodeFormat, decodeFiles } from './decode-files.ts';

const ready = requireTool('corpus', existsSync(CORPUS), `no folder ${CORPUS}`);

function filesUnder(folder: string): string[] {
  return readdirSync(CORPUS + folder, { withFileTypes: true }).flatMap(entry =>
    entry.isDirectory() ? filesUnder(`${folder}${entry.name}/`) : [`${folder}${entry.name}`],
  );
}

const FILES = ready ? filesUnder('').filter(file => !/\.(json|yaml|tsv|txt|out)$/.test(file)) : [];

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

function inFolder(folder: string, ...names: readonly string[]): string[] {
  return names.map(name => `${folder}/${name}`);
}

function dat(prefix: string, ...names: readonly string[]): string[] {
  const both = ['logstash-codec-netflow', 'beats/dat'].flatMap(folder =>
    names.map(name => `${folder}/${prefix}${name}.dat`),
  );
  return both.filter(file => !file.startsWith('beats/') || FILES.includes(file));
}

const ETHERNET_FRAMES = inFolder(
  'gopacket/extracted',
  'sflow_test__SFlowTestPacket1_0.bin',
  'sflow_test__SFlowTestPacket2_1.bin',
);

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

/** Files that give no flow record, by reason. Names in `dat` stand in two folders of the corpus. */
const NO_RECORDS: Readonly<Record<string, readonly string[]>> = {
  'templates and options only; the data are in other files of the group, or nowhere': [
    ...dat(
      'ipfix_test_',
      'barracuda_tpl',
      'barracuda_extended_uniflow_tpl256',
      'mikrotik_tpl',
      'netscaler_tpl',
      'nokia_bras_tpl',
    ),
    ...dat(
      'ipfix_test_',
      'openbsd_pflow_tpl',
      'procera_tpl52935',
      'viptela_tpl257',
      'vmware_vds_tpl',
      'yaf_tpls_option_tpl',
      'yaf_tpl45841',
    ),
    ...dat('ipfix_test_juniper_mx240_junos151r6s3_', 'opttpl512', 'data512'),
    ...dat('ipfix_test_yaf_', 'data53248'),
    ...dat('netflow9_test_', 'cisco_aci_tpl256-258', 'cisco_asa_1_tpl', 'cisco_asa_2_tpl_26x', 'cisco_asa_2_tpl_27x'),
    ...dat('netflow9_test_cisco_asr9k_', 'opttpl256', 'data256', 'opttpl257', 'opttpl334', 'tpl260', 'tpl266'),
    ...dat('netflow9_test_cisco_', 'nbar_opttpl260', 'nbar_tpl262', 'wlc_8510_tpl_262', 'wlc_tpl'),
    ...dat('netflow9_test_fortigate_fortios_', '521_tpl', '521_data256', '542_appid_tpl258-269'),
    ...dat(
      'netflow9_test_',
      'h3c_tpl3281',
      'h3c_netstream_varstring_tpl3281',
      'huawei_netstream_tpl',
      'juniper_srx_tplopt',
    ),
    ...dat(
      'netflow9_test_',
      'field_layer2segmentid_tpl',
      'macaddr_tpl',
      'nprobe_tpl',
      'paloalto_81_tpl256-263',
      'paloalto_panos_tpl',
    ),
    ...dat('netflow9_test_', 'ubnt_edgerouter_tpl'),
    ...inFolder(
      'akvorado/netflow',
      'options-template.pcap',
      'options-data.pcap',
      'template.pcap',
      'samplingrate-template.pcap',
    ),
    ...inFolder(
      'akvorado/netflow',
      'multiplesamplingrates-options-template.pcap',
      'multiplesamplingrates-options-data.pcap',
    ),
    ...inFolder(
      'akvorado/netflow',
      'multiplesamplingrates-template.pcap',
      'datalink-template.pcap',
      'ipfix-srv6-template.pcap',
    ),
    ...inFolder('akvorado/netflow', 'ethernet-over-mpls-with-control-word-template.pcap', 'ipfixprobe-templates.pcap'),
    ...inFolder('akvorado/netflow', 'juniper-cpid-template.pcap'),
    ...inFolder('goflow2/extracted', 'netflow_test__TestDecodeNetFlowV9_0.bin'),
    ...inFolder(
      'netflow_parser/extracted',
      'tests__it_parses_v9_no_data_9.bin',
      'tests__it_parses_v9_options_template_15.bin',
    ),
    ...inFolder('netflow_parser/extracted', 'tests__it_parses_ipfix_options_template_24.bin'),
    ...inFolder('netflow_parser/extracted', 'tests__it_parses_ipfix_options_template_with_data_25.bin'),
    ...inFolder('netflow_parser/extracted', 'tests__it_parses_ipfix_enterprise_bit_template_and_data_27.bin'),
    ...inFolder('netflow_parser/extracted', 'tests__test_template_reregistration_same_definition_29.bin'),
    ...inFolder(
      'vflow/extracted',
      'decoder_test__TestDecodeDataTpl_5.bin',
      'decoder_test__init_0.bin',
      'decoder_test__init_1.bin',
    ),
    ...inFolder('libnetflow9', 'malformed_4.pcap', 'fuzz-corpus/pcap_malformed_4'),
    ...inFolder('ipfixcol', 'withdrawal-message-256.ipfix'),
    ...inFolder('pmacct', '112-IPFIXv10-CISCO-options-map-reassignment/traffic-00.pcap'),
  ],
  'data whose template is in no file': [
    ...inFolder('ipfixcol', 'only-data-no-templates.ipfix'),
    ...inFolder('netflow_parser/extracted', 'tests__it_parses_ipfix_data_cached_template_21.bin'),
  ],
  'NetFlow v1, v6, v7 and v8 are not read yet': [
    ...inFolder('softflowd-generated', 'softflowd-v1.pcap'),
    ...inFolder('beats/extracted', 'v1_TestNetflowProtocol_OnPacket_0.bin'),
    ...inFolder('beats/extracted', 'v6_TestNetflowProtocol_OnPacket_0.bin', 'v6_TestNetflowProtocol_OnPacket_1.bin'),
    ...inFolder('beats/extracted', 'v7_TestNetflowProtocol_OnPacket_0.bin', 'v7_TestNetflowProtocol_OnPacket_1.bin'),
    ...inFolder('beats/extracted', 'v8_DestOnly.bin', 'v8_FullFlow.bin', 'v8_PrePortProtocol.bin', 'v8_RouterAS.bin'),
    ...inFolder(
      'beats/extracted',
      'v8_RouterDstPrefix.bin',
      'v8_RouterPrefix.bin',
      'v8_RouterProtoPort.bin',
      'v8_RouterSrcPrefix.bin',
    ),
    ...inFolder(
      'beats/extracted',
      'v8_SrcDst.bin',
      'v8_TosAS.bin',
      'v8_TosDstPrefix.bin',
      'v8_TosPrefix.bin',
      'v8_TosProtoPort.bin',
    ),
    ...inFolder('beats/extracted', 'v8_TosSrcPrefix.bin', 'v8_Unknown.bin'),
    ...inFolder('netflow_parser/extracted', 'tests__it_doesnt_allow_v7_4.bin', 'tests__it_parses_v7_1.bin'),
    ...inFolder(
      'netflow_parser/extracted',
      'tests__it_parses_v7_and_re_exports_5.bin',
      'tests__it_parses_multiple_packets_11.bin',
    ),
  ],
  'sFlow without flow samples: counters and discarded packets': [
    ...inFolder('cistern-sflow', 'counter_sample.dump', 'event_discarded_packet.dump', 'host_sample.dump'),
    ...inFolder('goflow2/extracted', 'sflow_test__TestSFlowDecodeDropEgressQueue_2.bin'),
    ...inFolder('goflow2/extracted', 'sflow_test__TestSFlowDecodeDropExtendedACL_3.bin'),
    ...inFolder('goflow2/extracted', 'sflow_test__TestSFlowDecodeDropExtendedFunction_4.bin'),
    ...inFolder('gopacket/extracted', 'sflow_test__SFlowTestPacket3_2.bin', 'sflow_test__SFlowTestPacket9_8.bin'),
    ...inFolder('gopacket/extracted', 'sflow_test__SFlowTestPacket10_9.bin', 'sflow_test__SFlowTestPacket12_12.bin'),
    ...inFolder('gopacket/extracted', 'sflow_test__SFlowTestPacket13_13.bin'),
  ],
  'sFlow flow samples that hold no packet, made by hand to try one extended record': [
    ...inFolder('gopacket/extracted', 'sflow_test__SFlowTestPacket4_3.bin', 'sflow_test__SFlowTestPacket5_4.bin'),
    ...inFolder('gopacket/extracted', 'sflow_test__SFlowTestPacket6_5.bin', 'sflow_test__SFlowTestPacket7_6.bin'),
    ...inFolder('gopacket/extracted', 'sflow_test__SFlowTestPacket8_7.bin', 'sflow_test__SFlowTestPacket11_10.bin'),
  ],
  'a packet and no export datagram': [
    ...inFolder(
      'akvorado/inner-packets',
      'gre-v4-key.pcap',
      'gre-v4-plain.pcap',
      'gre-v6-plain.pcap',
      'ipv4-ipv4.pcap',
    ),
    ...inFolder('akvorado/inner-packets', 'ipv4-ipv6.pcap', 'mpls-eompls-cw.pcap', 'mpls-eompls-invalid-cw.pcap'),
    ...inFolder('akvorado/inner-packets', 'mpls-explicit-null-ipv4.pcap', 'mpls-explicit-null-ipv6.pcap'),
    ...inFolder(
      'akvorado/inner-packets',
      'mpls-invalid-nibble.pcap',
      'mpls-ipv4.pcap',
      'mpls-ipv6.pcap',
      'srv6-end-dt6.pcap',
    ),
    ...inFolder('akvorado/inner-packets', 'vlan-ipv6.pcap'),
    ...inFolder('goflow2/extracted', 'producer_bench_test__benchSampledHeaderIPv6_0.bin'),
    ...inFolder(
      'goflow2/extracted',
      'producer_test__TestProcessMessageSFlow_0.bin',
      'producer_test__getSflowPacket_1.bin',
    ),
    ...inFolder(
      'vflow/extracted',
      'packet_test__BenchmarkDecodeEthernetIPv4TCP_1.bin',
      'packet_test__TestDecodeEthernetIPv4TCP_0.bin',
    ),
  ],
  'a frame with an sFlow datagram in it, but no capture around it: see ETHERNET_FRAMES': ETHERNET_FRAMES,
  'part of a message: sets or a header only, or cut where it was lifted from': [
    ...inFolder(
      'beats/extracted',
      'ipfix_TestReadOptionsTemplateFlowSet_a0.bin',
      'ipfix_TestReadOptionsTemplateFlowSet_a1.bin',
    ),
    ...inFolder(
      'beats/extracted',
      'ipfix_TestReadOptionsTemplateFlowSet_a2.bin',
      'ipfix_TestReadOptionsTemplateFlowSet_a3.bin',
    ),
    ...inFolder(
      'beats/extracted',
      'ipfix_TestReadOptionsTemplateFlowSet_a4.bin',
      'ipfix_TestReadRecordTemplateFlowSet_a5.bin',
    ),
    ...inFolder(
      'beats/extracted',
      'ipfix_TestReadRecordTemplateFlowSet_a6.bin',
      'v9_TestDecoderV9_ReadPacketHeader_a0.bin',
    ),
    ...inFolder(
      'beats/extracted',
      'v9_TestReadOptionsTemplateFlowSet_a1.bin',
      'v9_TestReadOptionsTemplateFlowSet_a2.bin',
    ),
    ...inFolder(
      'beats/extracted',
      'v9_TestReadOptionsTemplateFlowSet_a3.bin',
      'v9_TestReadOptionsTemplateFlowSet_a4.bin',
    ),
    ...inFolder('beats/extracted', 'v9_TestReadTemplateFlowSet_a5.bin', 'v9_TestReadTemplateFlowSet_a6.bin'),
    ...inFolder('vflow/extracted', 'decoder_test__init_3.bin'),
  ],
  'malformed on purpose': [
    ...inFolder(
      'ipfixcol',
      'bad-length-in-set-very-long.ipfix',
      'bad-length-in-set.ipfix',
      'bad-template-field-count.ipfix',
    ),
    ...inFolder('ipfixcol', 'header-and-zeros.ipfix'),
    ...inFolder(
      'libnetflow9',
      'malformed-OT.pcap',
      'malformed_1.pcap',
      'malformed_2.pcap',
      'malformed_3.pcap',
      'malformed_5.pcap',
    ),
    ...inFolder('libnetflow9', 'malformed_6.pcap'),
    ...inFolder(
      'libnetflow9/fuzz-corpus',
      '0d396df5eec88d24de5261a8ea9262104f6e7da5',
      '25228517aa87dccd2c216ebbc9169bfd10c00a4e',
    ),
    ...inFolder(
      'libnetflow9/fuzz-corpus',
      '320355ced694aa69924f6bb82e7b74f420303fd9',
      '3cd1db56088570b169808f13638f643bd5e3228c',
    ),
    ...inFolder(
      'libnetflow9/fuzz-corpus',
      '3d5bb81dbbdad857a70b80dad9e7c35dc3e3f295',
      '60cd5c2798d5288c6e6dfe1f93eacdb093b2a6fd',
    ),
    ...inFolder(
      'libnetflow9/fuzz-corpus',
      '66bdd3dd108599159cb2548b5718514afbd4ebb0',
      '7f20f80ab9ea8163161802b7bbfe61c742cd86c1',
    ),
    ...inFolder(
      'libnetflow9/fuzz-corpus',
      '841bbe186b4f81a183766bc4a9fd867e2b4698a7',
      '9ca73e30f42100f50921121745a4066c96e1fd26',
    ),
    ...inFolder(
      'libnetflow9/fuzz-corpus',
      'a38264829a14c662b331ae87027edbc98b66471a',
      'b17bb9bcffb9e7bcab3154b485b8bd6e33859a69',
    ),
    ...inFolder('libnetflow9/fuzz-corpus', 'pcap-malformed-OT', 'pcap_malformed_1'),
    ...inFolder('netflow_parser/extracted', 'tests__it_parses_ipfix_with_no_template_fields_22.bin'),
    ...inFolder('netflow_parser/extracted', 'tests__it_parses_ipfix_enterprise_bit_in_non_options_template_26.bin'),
    ...inFolder('netflow_parser/extracted', 'tests__it_raises_error_when_parsing_v9_with_no_template_fields_23.bin'),
    ...inFolder('tcpdump', 'sflow_print-segv.pcap'),
  ],
};

describe.skipIf(!ready)('the whole corpus', () => {
  const groups = ready ? corpusGroups() : [];
  const records = new Map<string, number>();
  const summaries: { readonly err: string; readonly files: number; readonly tookMs: number }[] = [];

  beforeAll(async () => {
    for (const group of groups) {
      const startedAt = performance.now();
      const { err } = await decode(group.map(file => CORPUS + file));
      summaries.push({ err, files: group.length, tookMs: performance.now() - startedAt });
      for (const file of group) {
        const line = err.split('\n').find(text => text.startsWith(`${CORPUS}${file}: `));
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
    const listed = Object.values(NO_RECORDS).flat();
    expect(listed.length).toBe(new Set(listed).size);
    expect(without.sort()).toEqual(listed.sort());
  });

  test.each([
    ['softflowd-generated/softflowd-v5.pcap', 0],
    ['softflowd-generated/softflowd-v9.pcap', 0],
    ['softflowd-generated/softflowd-ipfix.pcap', 0],
    ['softflowd-generated/softflowd-ipfix-biflow.pcap', 0],
    ['openvswitch-generated/ovs-ipfix.pcap', 0],
    ['NetGauze/flow/srv6/srv6.pcap', 0],
    ['pmacct/401-IPFIXv10-BMP-IPv6-CISCO-MPLS-multiple-sources/traffic-00.pcap', 0],
    // One record a message; its sequence numbers go from 1 to 555, with 335 records.
    ['softflowd-generated/softflowd-psamp.pcap', 220],
  ])('%s lost %i by sequence', async (file, lost) => {
    expect((await decode([CORPUS + file])).err).toContain(`, ${lost} lost by sequence,`);
  });

  test.each(ETHERNET_FRAMES)('%s decodes once its Ethernet, IPv4 and UDP headers are off', async file => {
    const frame = readFileSync(CORPUS + file);
    const bench = new Bench();
    expect(bench.decode(frame.subarray(42)).length).toBeGreaterThan(0);
    expect(bench.faults('sflow5')).toEqual({});
  });
});
