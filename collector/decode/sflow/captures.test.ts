// Captures of other projects against what other decoders printed of them: tcpdump's own expectations, and for Open
// vSwitch the configuration of the bridge. The packets inside are compared with tshark in collector/conformance.

import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { corpusFiles, pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import { Bench } from '../../../testing/data/datagrams.ts';
import { readCapture } from '../../captures/capture.ts';
import type { Fact } from '../facts.ts';

const ready = requireCorpus();

function decodeFile(file: string) {
  const bench = new Bench({ rowsMax: 1024 });
  const facts: Fact[] = [];
  bench.decoder.context.facts = { report: fact => void facts.push(fact) };
  const rows = readCapture(pathOf(file)).datagrams.flatMap(({ payload, source, sourcePort, timeMs }) =>
    bench.decode(payload, source, sourcePort, timeMs),
  );
  return { bench, rows, facts };
}

const FLOW_SAMPLE =
  /^\t(?:expanded )?flow sample \(\d\), .* idx (\d+), rate (\d+), pool \d+, drops \d+, input (\d+)(?: \((\d+)\))?,? output (\d+)(?: \((\d+)\))?/gm;
const FRAME = /^\t {6}protocol Ethernet \(1\), length (\d+), /gm;

describe.skipIf(!ready)('captures', () => {
  // proves: arista-interfaces
  test.each([
    ['sflow-print-v6', 13],
    ['sflow_expanded', 1],
  ])('of tcpdump: %s has the %i samples that tcpdump prints', (name, count) => {
    const text = readFileSync(pathOf(`tcpdump/${name}.out`), 'utf8');
    const printed = [...text.matchAll(FLOW_SAMPLE)].map(([, , rate, input, , output]) => ({
      samplingRate: Number(rate),
      inIf: Number(input),
      // tcpdump prints the whole word; the top bits are the format, which an expanded sample has beside it.
      outIf: name === 'sflow_expanded' || Number(output) < 0x40000000 ? Number(output) : 0,
    }));
    const frames = [...text.matchAll(FRAME)].map(match => Number(match[1]));
    const { rows, bench } = decodeFile(`tcpdump/${name}.pcap`);
    expect(rows.length).toBe(count);
    expect(rows.map(({ samplingRate, inIf, outIf }) => ({ samplingRate, inIf, outIf }))).toEqual(printed);
    expect(rows.map(row => row['l2Bytes'])).toEqual(frames);
    expect(bench.faults('sflow5')).toEqual({});
  });

  // proves: counters-sample
  test('of tcpdump: counters samples give no rows and no faults, and the two hosts among them are reported', () => {
    const text = readFileSync(pathOf(`tcpdump/sflow_multiple_counter_30_pdus.out`), 'utf8');
    expect([...text.matchAll(/enterprise 0, Unknown \(2000\)/g)].length).toBe(2);
    const { bench, rows, facts } = decodeFile('tcpdump/sflow_multiple_counter_30_pdus.pcap');
    expect(rows.filter(row => row['protocol'] === 'sflow5')).toEqual([]);
    expect(bench.faults('sflow5')).toEqual({});
    expect([...new Set(facts.map(({ kind, name }) => `${kind} ${name}`))]).toEqual([
      'host proxy-use03147k2',
      'host use03710ff',
    ]);
  });

  // proves: ovs-source
  test('of Open vSwitch: the data source is the bridge, which sees each packet once, as it arrives', () => {
    const { rows, bench } = decodeFile('made/ovs-sflow.pcap');
    expect(rows.length).toBe(8);
    expect(new Set(rows.map(row => row['direction']))).toEqual(new Set(['ingress']));
    expect(bench.faults('sflow5')).toEqual({});
  });

  test.each([
    ['gopacket/extracted/sflow_test__SFlowTestPacket9_8.bin', 14, 'tapd98154f2-00'],
    ['gopacket/extracted/sflow_test__SFlowTestPacket12_12.bin', 11, 'br-int'],
  ])('of gopacket: %s names interface %i %s', (file, index, name) => {
    expect(decodeFile(file).facts).toMatchObject([{ kind: 'interface', index, name }]);
  });

  /** Datagrams made by hand to try one record each. */
  const FAULTS: Readonly<Record<string, { readonly fault: string; readonly reason: string }>> = {
    SFlowTestPacket4_3: { fault: 'sample-unknown', reason: 'extended_switch without a packet' },
    SFlowTestPacket6_5: { fault: 'sample-unknown', reason: 'extended_ipv4_tunnel_ingress without a packet' },
    SFlowTestPacket7_6: { fault: 'sample-unknown', reason: 'extended_ipv4_tunnel_egress without a packet' },
    SFlowTestPacket5_4: { fault: 'sample-malformed', reason: 'a sample of 52 bytes with a record that ends at 56' },
    SFlowTestPacket8_7: { fault: 'sample-malformed', reason: 'a sample of 52 bytes with a record that ends at 68' },
    SFlowTestPacket11_10: {
      fault: 'sample-malformed',
      reason: 'a sample of 116 bytes of which 76 are there; tcpdump and tshark agree',
    },
  };

  test('have no fault but those of datagrams made by hand', () => {
    const folders = ['akvorado/sflow', 'cistern-sflow', 'goflow2/extracted', 'gopacket/extracted', 'vflow/extracted'];
    const files = folders.flatMap(folder => corpusFiles(`${folder}/`));
    const faults = files.flatMap(file => {
      const found = decodeFile(file).bench.faults('sflow5');
      const known = FAULTS[/SFlowTestPacket\d+_\d+/.exec(file)?.[0] ?? ''];
      const expected = known ? { [known.fault]: 1 } : {};
      return JSON.stringify(found) === JSON.stringify(expected) ? [] : [`${file} ${JSON.stringify(found)}`];
    });
    expect(faults).toEqual([]);
  });
});
