// Two real bridges, two VLANs, a hairpin: both bridges export sFlow and IPFIX of the same ports at the same time. The less
// sampled one counts, and every byte that an interface sent is in the matrix once.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { MARKS } from '../schemas/codes.ts';
import { labPossible } from '../testing/labs/openvswitch-lab.ts';
import { openTwoBridges, type TwoBridges } from '../testing/labs/openvswitch-two-bridges.ts';
import { onPath, requireTool } from '../testing/requirements.ts';
import { type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

process.env['PATH'] = `${process.env['PATH']}:/usr/sbin:/sbin`;
const present =
  requireTool(
    'Open vSwitch',
    onPath('ovs-vswitchd') && onPath('ovs-ofctl') && onPath('ovsdb-tool'),
    'Debian package openvswitch-switch',
  ) &&
  requireTool('iperf3', onPath('iperf3'), 'Debian package iperf3') &&
  requireTool('network namespaces', onPath('ip') && onPath('ethtool') && labPossible(), 'root, iproute2 and ethtool');

const MEGABYTES = 6;
/** Without a cache it makes a datagram of each packet, and loses some. */
const CACHE = ['cache_active_timeout=1', 'cache_max_flows=1024'];

interface StoredFlow {
  readonly protocol: 'ipfix' | 'sflow5';
  readonly srcAddr: string;
  readonly dstAddr: string;
  readonly inIf: number;
  readonly outIf: number;
  readonly weight: number;
  readonly countReason: string;
  readonly estBytes: number;
  readonly bytes: number;
  readonly bytesSumOfSquares: number;
  readonly varBytes: number;
  readonly marks: number;
}

describe.runIf(present)('two bridges that export sFlow and IPFIX at once', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hairpin-two-bridges-'));
  let lab: TwoBridges;
  let hairpin: RunningHairpin;

  beforeEach(() => {
    lab = openTwoBridges();
  }, 30_000);
  afterEach(async () => {
    lab?.down();
    await hairpin?.stop();
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function start(sampling: { readonly sflow: number; readonly ipfix: number }): Promise<void> {
    const write = (name: string, document: object) => {
      const file = join(folder, `${name}.json`);
      writeFileSync(file, JSON.stringify(document));
      return [`--${name}`, file];
    };
    hairpin = await startHairpin({
      args: [
        ...write('inventory', lab.inventory),
        ...write('applications', lab.applications),
        ...write('exporters', lab.registry(sampling)),
      ],
    });
    const target = `127.0.0.1:${hairpin.udpPort}`;
    lab.bridges.forEach((bridge, i) => {
      const create = (column: string, table: string, ...settings: string[]) =>
        lab.vsctl('set', 'Bridge', bridge, `${column}=@new`, '--', '--id=@new', 'create', table, ...settings);
      const domain = [`obs_domain_id=${i + 1}`, `obs_point_id=${i + 1}`];
      create('ipfix', 'IPFIX', `targets="${target}"`, ...domain, `sampling=${sampling.ipfix}`, ...CACHE);
      const settings = ['header=128', `sampling=${sampling.sflow}`, 'polling=1'];
      create('sflow', 'sFlow', `agent=${bridge}`, `target="${target}"`, ...settings);
    });
  }

  /** IP bytes of each interface, and what arrived: on a busy machine some is lost before the bridge and sent again. */
  async function transfer(): Promise<Map<string, { sent: number; received: number }>> {
    const truth = new Map<string, { sent: number; received: number }>();
    for (const each of lab.transfers) {
      const before = lab.counted(each);
      await lab.talk(each, MEGABYTES);
      const after = lab.counted(each);
      const { from, to } = each;
      const between = (way: 'there' | 'back', end: 'sent' | 'received') => after[way][end] - before[way][end];
      truth.set(`${from} -> ${to}`, { sent: between('there', 'sent'), received: between('there', 'received') });
      truth.set(`${to} -> ${from}`, { sent: between('back', 'sent'), received: between('back', 'received') });
    }
    return truth;
  }

  test.each([
    { sflow: 16, ipfix: 1, counts: 'ipfix', other: 'sflow5' },
    { sflow: 1, ipfix: 64, counts: 'sflow5', other: 'ipfix' },
  ] as const)(
    'sFlow 1 in $sflow, IPFIX 1 in $ipfix: every byte once, by $counts',
    async ({ counts, other, ...sampling }) => {
      await start(sampling);
      const truth = await transfer();
      const cells = async () => {
        const answer = await hairpin.matrix('from=now-10m&by=app');
        return new Map(answer.cells.map(({ src, dst, value }) => [`${src.name} -> ${dst.name}`, value]));
      };
      await until(
        async () => {
          const reported = await cells();
          return [...truth].every(([name, { received }]) => (reported.get(name) ?? 0) > 0.999 * received);
        },
        10_000,
        'every byte in the matrix',
      ).catch(() => {});
      const reported = await cells();
      const drops = `${await hairpin.metric('collector_kernel_drops_total')} datagrams dropped by the kernel`;
      console.log(
        [...truth].map(([name, { sent }]) => `${name}: ${reported.get(name)} of ${sent} B`).join('\n'),
        `\n${drops}`,
      );
      for (const [name, { sent, received }] of truth) {
        expect(reported.get(name)! / received, `${name}, ${drops}`).toBeGreaterThan(0.99);
        expect(reported.get(name)! / sent, name).toBeLessThan(1.01);
      }
      expect(reported.get('v1 -> v2')).toBeGreaterThan(MEGABYTES * 1e6);

      // The other one has seen the same packets at the same ports, and is kept.
      const filter = encodeURIComponent(`protocol=${other}`);
      const { flows } = await hairpin.get<{ flows: StoredFlow[] }>(
        `/api/v1/flows?from=now-10m&limit=10000&filter=${filter}`,
      );
      const unicast = flows.filter(({ srcAddr }) => srcAddr.startsWith('10.78.'));
      expect(new Set(unicast.map(({ countReason }) => countReason))).toEqual(
        new Set(['second-meter', 'not-canonical']),
      );
      expect(unicast.every(({ weight }) => weight === 0)).toBe(true);
      const turned = unicast.filter(({ inIf, outIf, dstAddr }) => inIf === outIf && dstAddr === '10.78.10.2');
      expect(turned.length).toBeGreaterThan(0);
      if (other === 'ipfix') {
        // It multiplies before it sends, and reports the squares of the lengths (198): each record has its very variance.
        for (const { bytesSumOfSquares, varBytes, marks } of unicast) {
          expect(varBytes / ((sampling.ipfix - 1) * bytesSumOfSquares)).toBeCloseTo(1, 6);
          expect(marks & MARKS.approximate).toBe(0);
        }
      }
      const second = unicast.filter(flow => flow.countReason === 'second-meter');
      const estimated = second.reduce((sum, { estBytes }) => sum + Number(estBytes), 0);
      const expected = [...truth.values()].reduce((sum, { sent }) => sum + sent, 0);
      // Of some 15,000 packets one in N is looked at, most of them large: five standard errors.
      const rate = Math.max(sampling.sflow, sampling.ipfix);
      console.log(`${other}: ${estimated} of ${expected} B`);
      expect(Math.abs(estimated / expected - 1)).toBeLessThan(5 * Math.sqrt(rate / 15_000));
    },
    40_000,
  );
});
