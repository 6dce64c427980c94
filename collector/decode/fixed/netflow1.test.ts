import { describe, expect, test } from 'vitest';
import { pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import { Bench, EXPORT_S, fixedNetflow, hex, RECEIVED_MS, type Row } from '../../../testing/data/datagrams.ts';
import { readCapture } from '../../captures/capture.ts';

const ready = requireCorpus();

// proves: netflow1
test('a record fills every column it can, and no other', () => {
  const record = hex(`c0a80001 c0a80102 c0a80001 0003 0004 00000007 00000bb8 3b9aa3a0 3b9ac618
    9c40 01bb 0000 06 10 1b ff ff ff ffffffff`);
  const [row] = new Bench().decode(fixedNetflow(1, [], [record], { uptime: 0x3b9aca00 }), '192.0.2.1');
  expect(row).toEqual({
    receivedAt: RECEIVED_MS,
    flowStart: EXPORT_S * 1000 - 9824,
    flowEnd: EXPORT_S * 1000 - 1000,
    timeSource: 'uptime',
    exporter: '192.0.2.1',
    observationDomain: 0,
    protocol: 'netflow1',
    inIf: 3,
    outIf: 4,
    biflow: 'none',
    counterSource: 'record',
    direction: 'unknown',
    forwardingStatus: 0,
    samplingRate: 0,
    rateSource: 'unknown',
    bytes: 3000,
    packets: 7,
    l2Bytes: 0,
    bytesSumOfSquares: 0,
    packetBytesMax: 0,
    srcAddr: '192.168.0.1',
    dstAddr: '192.168.1.2',
    vrf: 0,
    etherType: 0x0800,
    proto: 6,
    srcPort: 40000,
    dstPort: 443,
    tcpFlags: 0x1b,
    tos: 0x10,
    srcMac: '00:00:00:00:00:00',
    dstMac: '00:00:00:00:00:00',
    vlan: 0,
    sVlan: 0,
    ecid: 0,
    vni: 0,
    stationId: '0'.repeat(32),
  });
});

test('has no sequence number: nothing is lost, whatever comes', () => {
  const bench = new Bench();
  for (const uptime of [1000, 2000, 500_000]) bench.decode(fixedNetflow(1, [], [], { uptime }));
  expect(bench.domain()).toMatchObject({ datagrams: 3, lost: 0 });
});

describe.skipIf(!ready)('captures', () => {
  const decode = (file: string): Row[] => {
    const bench = new Bench();
    const rows = readCapture(pathOf(file)).datagrams.flatMap(({ payload, timeMs }) =>
      bench.decode(payload, '192.0.2.1', 50000, timeMs),
    );
    expect(bench.faults('netflow1')).toEqual({});
    return rows;
  };

  // proves: netflow1
  test("filebeat's vector gives what its own test expects", () => {
    // 2018-11-22T10:50:30.093614Z, uptime 1 ms: the flows began before the uptime rolled over.
    const exportMs = Date.parse('2018-11-22T10:50:30.093Z');
    const common = {
      flowStart: exportMs - (2 ** 32 - 4294314400) - 1,
      flowEnd: exportMs - (2 ** 32 - 4294316182) - 1,
      proto: 6,
      tcpFlags: 24,
      tos: 0,
      inIf: 0,
      outIf: 0,
    };
    const [near, far] = ['192.168.1.123', '172.217.16.229'];
    expect(decode('beats/extracted/v1_TestNetflowProtocol_OnPacket_0.bin')).toMatchObject([
      { ...common, srcAddr: far, dstAddr: near, srcPort: 443, dstPort: 55057, packets: 14, bytes: 11514 },
      { ...common, srcAddr: near, dstAddr: far, srcPort: 55057, dstPort: 443, packets: 7, bytes: 3163 },
    ]);
  });

  test('softflowd says the same of one traffic in v1 as in v5', () => {
    const sorted = (file: string) =>
      decode(file)
        .map(row => ({ ...row, flow: `${row['srcAddr']} ${row['srcPort']} ${row['dstAddr']} ${row['dstPort']}` }))
        .sort((a, b) => (a.flow < b.flow ? -1 : 1));
    const v5 = sorted('made/softflowd-v5.pcap');
    const v1 = sorted('made/softflowd-v1.pcap');
    expect(v1.length).toBe(68);
    const reported = ({ flow, proto, tcpFlags, tos, packets, bytes, inIf, outIf }: Row) =>
      [flow, proto, tcpFlags, tos, packets, bytes, inIf, outIf].join(' ');
    expect(v1.map(reported)).toEqual(v5.map(reported));
    // It ran twice, and rounds start and end to milliseconds of its own uptime.
    const duration = (row: Row) => Number(row['flowEnd']) - Number(row['flowStart']);
    const differences = v1.map((row, i) => Math.abs(duration(row) - duration(v5[i]!)));
    expect(Math.max(...differences)).toBeLessThanOrEqual(1);
    expect(Math.max(...v1.map(duration))).toBeGreaterThan(30_000);
  });
});
