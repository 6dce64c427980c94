import { expect, test } from 'vitest';
import { Bench, EXPORT_S, netflow5, RECEIVED_MS, record5 } from './testdata.ts';

test('a record fills every column it can, and no other', () => {
  const [row] = new Bench().decode(
    netflow5([record5(3, 4_000_000_000)], { engine: 0x0102, sampling: 0x4064 }),
    '192.0.2.1',
  );
  expect(row).toEqual({
    receivedAt: RECEIVED_MS,
    flowStart: EXPORT_S * 1000 - 1000,
    flowEnd: EXPORT_S * 1000,
    exporter: '192.0.2.1',
    observationDomain: 0x0102,
    protocol: 'netflow5',
    inIf: 3,
    outIf: 4,
    direction: 'unknown',
    forwardingStatus: 0,
    samplingRate: 100,
    rateSource: 'header',
    bytes: 4_000_000_000,
    packets: 3,
    l2Bytes: 0,
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

test('records beyond the room of a batch go on in the next one', () => {
  const records = Array.from({ length: 30 }, (_, i) => record5(i + 1));
  for (const reuse of [true, false]) {
    const bench = new Bench({ rowsMax: 10, reuse });
    bench.decode(netflow5(records.slice(0, 7)));
    expect(bench.decode(netflow5(records)).map(row => row['packets'])).toEqual(records.map((_, i) => i + 1));
  }
});
