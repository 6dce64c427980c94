import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import {
  Bench,
  fixedNetflow,
  hex,
  netflow5,
  type Row,
  record5,
  UPTIME_MS,
  zeros,
} from '../../../testing/data/datagrams.ts';

const ready = requireCorpus();

/** flags, router_sc */
const longer = (packets: number, flags = '0000') => [...record5(packets).slice(0, 46), ...hex(`${flags} c0000209`)];

// proves: netflow7
test('a record is one of version 5 with flags and the router passed by behind it; there is no engine and no rate', () => {
  // The four bytes that are engine and sampling in version 5 are reserved here.
  const rest = [...hex('00000007'), ...hex('01020064')];
  const v5 = new Bench().decode(netflow5([record5(1), record5(2)], { uptime: UPTIME_MS }));
  const bench = new Bench();
  const v7 = bench.decode(fixedNetflow(7, rest, [longer(1), longer(2)]));
  expect(v7).toEqual(v5.map((row: Row) => ({ ...row, protocol: 'netflow7', observationDomain: 0 })));
  expect(v7).toMatchObject([
    { packets: 1, samplingRate: 0, rateSource: 'unknown' },
    { packets: 2, samplingRate: 0, rateSource: 'unknown' },
  ]);
  expect(bench.domain().unknownRateRecords).toBe(2);
});

test('a switch that caches by destination leaves the rest zero, and so do the columns', () => {
  const record = hex(`00000000 0a000002 00000000 0000 0004 00000003 000003e8 3b9ac600 3b9ac900
    0000 0000 00 00 00 00 0000 0000 00 18 8003 c0000209`);
  expect(new Bench().decode(fixedNetflow(7, zeros(8), [record]))).toMatchObject([
    { srcAddr: '0.0.0.0', dstAddr: '10.0.0.2', inIf: 0, outIf: 4, proto: 0, srcPort: 0, packets: 3, bytes: 1000 },
  ]);
});

describe.skipIf(!ready)('captures', () => {
  test("filebeat's vector gives what its own test expects", () => {
    // The corpus holds each record of the datagram in a file of its own.
    const datagram = Buffer.concat(
      [0, 1].map(i => readFileSync(pathOf(`beats/extracted/v7_TestNetflowProtocol_OnPacket_${i}.bin`))),
    );
    // 2018-11-22T11:05:47.905755Z, uptime 1 ms.
    const exportMs = Date.parse('2018-11-22T11:05:47.905Z');
    const common = {
      flowStart: exportMs - (2 ** 32 - 4293396588) - 1,
      flowEnd: exportMs - (2 ** 32 - 4293398370) - 1,
      proto: 6,
      tcpFlags: 24,
      tos: 0,
      inIf: 0,
      outIf: 0,
    };
    const [near, far] = ['192.168.1.123', '172.217.16.229'];
    const bench = new Bench();
    expect(bench.decode(datagram)).toMatchObject([
      { ...common, srcAddr: far, dstAddr: near, srcPort: 443, dstPort: 55057, packets: 14, bytes: 11514 },
      { ...common, srcAddr: near, dstAddr: far, srcPort: 55057, dstPort: 443, packets: 7, bytes: 3163 },
    ]);
    expect(bench.faults('netflow7')).toEqual({});
  });
});
