import { describe, expect, test } from 'vitest';
import { pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import { Bench, EXPORT_S, fixedNetflow, hex, netflow5, RECEIVED_MS, record5 } from '../../../testing/data/datagrams.ts';
import { readCapture } from '../../captures/capture.ts';

const ready = requireCorpus();

// proves: netflow5
test('a record fills every column it can, and no other', () => {
  const [row] = new Bench().decode(
    netflow5([record5(3, 4_000_000_000)], { engine: 0x0102, sampling: 0x4064 }),
    '192.0.2.1',
  );
  expect(row).toEqual({
    receivedAt: RECEIVED_MS,
    flowStart: EXPORT_S * 1000 - 1000,
    flowEnd: EXPORT_S * 1000,
    timeSource: 'uptime',
    exporter: '192.0.2.1',
    observationDomain: 0x0102,
    protocol: 'netflow5',
    inIf: 3,
    outIf: 4,
    biflow: 'none',
    counterSource: 'record',
    direction: 'unknown',
    forwardingStatus: 0,
    samplingRate: 100,
    rateSource: 'header',
    bytes: 4_000_000_000,
    packets: 3,
    l2Bytes: 0,
    bytesSumOfSquares: 0,
    packetBytesMax: 0,
    srcAddr: '10.0.0.1',
    dstAddr: '10.0.0.2',
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

// proves: sampling-netflow5
describe('the sampling interval', () => {
  test.each([
    ['of mode 0, which some exporters leave so', 0x0064, 100],
    ['of mode 1, packet interval', 0x4064, 100],
    ['of mode 2, random', 0x8064, 100],
    ['with both bits of the mode', 0xc000 | 16383, 16383],
    ['of 1 is unsampled', 0x4001, 1],
  ])('%s', (_, sampling, samplingRate) => {
    const bench = new Bench();
    expect(bench.decode(netflow5([record5()], { sampling }))).toMatchObject([{ samplingRate, rateSource: 'header' }]);
    expect(bench.domain().unknownRateRecords).toBe(0);
  });

  // proves: sampling-netflow5
  test.each([
    // proves: huawei-rate
    ['reserved, as NetStream of Huawei has it although it samples', 0],
    ['without an interval in a mode', 0x4000],
  ])('%s is unknown, and counted', (_, sampling) => {
    const bench = new Bench();
    expect(bench.decode(netflow5([record5(), record5()], { sampling }))).toMatchObject([
      { samplingRate: 0, rateSource: 'unknown' },
      { samplingRate: 0, rateSource: 'unknown' },
    ]);
    expect(bench.domain().unknownRateRecords).toBe(2);
  });
});

// proves: netflow5, netstream-fixed
test('a datagram as a NetStream board sends it: engine by slot, interfaces of 16 bits, ICMP in the destination port', () => {
  // Slot 3, the third datagram of two records each; an echo request and a flow of a VLAN interface.
  const rest = hex('00000004 0003 0000');
  const records = [
    hex(`0a0a0a01 0a0a0b02 00000000 0015 0016 0000000a 00000348 3b9ab660 3b9ac5e0
      0000 0800 00 00 01 00 0000 0000 18 18 0000`),
    hex(`0a0a0a01 0a0a0b02 0a0a0bfe 03e8 ffff 00000002 00000064 3b9ac618 3b9ac9d8
      c001 0050 00 12 06 b8 fde8 fde9 18 18 0000`),
  ];
  const bench = new Bench();
  expect(bench.decode(fixedNetflow(5, rest, records))).toMatchObject([
    {
      observationDomain: 3,
      srcAddr: '10.10.10.1',
      dstAddr: '10.10.11.2',
      inIf: 21,
      outIf: 22,
      proto: 1,
      srcPort: 0,
      dstPort: 0x0800,
      packets: 10,
      bytes: 840,
      flowStart: EXPORT_S * 1000 - 5024,
      flowEnd: EXPORT_S * 1000 - 1056,
      samplingRate: 0,
    },
    {
      observationDomain: 3,
      inIf: 1000,
      outIf: 65535,
      proto: 6,
      srcPort: 49153,
      dstPort: 80,
      tcpFlags: 0x12,
      tos: 0xb8,
      packets: 2,
      bytes: 100,
    },
  ]);
  expect(bench.faults('netflow5')).toEqual({});
});

test.skipIf(!ready)("filebeat's vector gives what its own test expects", () => {
  const [datagram] = readCapture(pathOf(`beats/extracted/v5_TestNetflowProtocol_OnPacket_0.bin`)).datagrams;
  // 2018-11-22T11:05:47.905755Z, uptime 1 ms.
  const exportMs = Date.parse('2018-11-22T11:05:47.905Z');
  const common = {
    flowStart: exportMs - (2 ** 32 - 4293396588) - 1,
    flowEnd: exportMs - (2 ** 32 - 4293398370) - 1,
    proto: 6,
    tcpFlags: 24,
    tos: 0,
  };
  const [near, far] = ['192.168.1.123', '172.217.16.229'];
  expect(new Bench().decode(datagram!.payload)).toMatchObject([
    { ...common, srcAddr: far, dstAddr: near, srcPort: 443, dstPort: 55057, packets: 14, bytes: 11514 },
    { ...common, srcAddr: near, dstAddr: far, srcPort: 55057, dstPort: 443, packets: 7, bytes: 3163 },
  ]);
});
