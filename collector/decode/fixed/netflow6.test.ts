import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { pathOf, requireCorpus } from '../../../testing/corpus/folder.ts';
import {
  Bench,
  fixedNetflow,
  netflow5,
  type Row,
  record5,
  UPTIME_MS,
  u16,
  u32,
} from '../../../testing/data/datagrams.ts';

const ready = requireCorpus();

/** in_encaps 4, out_encaps 14, and a next hop inside. */
const longer = (packets: number) => [...record5(packets).slice(0, 46), 4, 14, 192, 0, 2, 9];

// proves: netflow6
test('a record is one of version 5 with encapsulation sizes and a next hop behind it', () => {
  const rest = [...u32(7), ...u16(0x0102), ...u16(0x4064)];
  const shown = ({ protocol, ...row }: Row) => row;
  const v5 = new Bench().decode(
    netflow5([record5(1), record5(2), record5(3)], {
      sequence: 7,
      engine: 0x0102,
      sampling: 0x4064,
      uptime: UPTIME_MS,
    }),
  );
  const v6 = new Bench().decode(fixedNetflow(6, rest, [longer(1), longer(2), longer(3)]));
  expect(v6.map(row => row['protocol'])).toEqual(['netflow6', 'netflow6', 'netflow6']);
  expect(v6.map(shown)).toEqual(v5.map(shown));
  expect(v6).toMatchObject([1, 2, 3].map(packets => ({ packets, samplingRate: 100, rateSource: 'header' })));
});

describe.skipIf(!ready)('captures', () => {
  // proves: netflow6
  test("filebeat's vector gives what its own test expects", () => {
    // The corpus holds each record of the datagram in a file of its own.
    const datagram = Buffer.concat(
      [0, 1].map(i => readFileSync(pathOf(`beats/extracted/v6_TestNetflowProtocol_OnPacket_${i}.bin`))),
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
      samplingRate: 0,
    };
    const [near, far] = ['192.168.1.123', '172.217.16.229'];
    const bench = new Bench();
    expect(bench.decode(datagram)).toMatchObject([
      { ...common, srcAddr: far, dstAddr: near, srcPort: 443, dstPort: 55057, packets: 14, bytes: 11514 },
      { ...common, srcAddr: near, dstAddr: far, srcPort: 55057, dstPort: 443, packets: 7, bytes: 3163 },
    ]);
    expect(bench.faults('netflow6')).toEqual({});
  });
});
