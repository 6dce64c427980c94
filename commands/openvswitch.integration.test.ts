// A real bridge: two hosts on Open vSwitch talk with iperf3, the bridge exports sFlow and IPFIX to Hairpin, and the
// sending interface's own counters say what it should have seen.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { onPath, requireTool } from '../service/test-requirements.ts';
import { type Lab, labPossible, openLab } from './openvswitch-lab.ts';
import { type RunningHairpin, startHairpin, until } from './spawned.ts';

process.env['PATH'] = `${process.env['PATH']}:/usr/sbin:/sbin`;
const present =
  requireTool(
    'Open vSwitch',
    onPath('ovs-vswitchd') && onPath('ovs-vsctl') && onPath('ovsdb-tool'),
    'Debian package openvswitch-switch',
  ) &&
  requireTool('iperf3', onPath('iperf3'), 'Debian package iperf3') &&
  requireTool('network namespaces', onPath('ip') && onPath('ethtool') && labPossible(), 'root, iproute2 and ethtool');

describe.runIf(present)('an Open vSwitch bridge exports to Hairpin', () => {
  let lab: Lab;
  let hairpin: RunningHairpin;
  beforeEach(async () => {
    lab = openLab();
    hairpin = await startHairpin();
  }, 30_000);
  afterEach(async () => {
    lab?.down();
    await hairpin?.stop();
  });

  /** Sent by the first host to the second, as the matrix has it. */
  async function answer() {
    const [src, dst] = lab.addresses;
    return (await hairpin.matrix(`from=now-30m&by=addr&filter=${encodeURIComponent(`srcAddr=${src},dstAddr=${dst}`)}`))
      .total;
  }

  test('IPFIX, unsampled: IP bytes within 1 % of the interface, although each packet is reported twice', async () => {
    const target = `targets="127.0.0.1:${hairpin.udpPort}"`;
    lab.vsctl(
      'set',
      'Bridge',
      lab.bridge,
      'ipfix=@i',
      '--',
      '--id=@i',
      'create',
      'IPFIX',
      target,
      'obs_domain_id=1',
      'obs_point_id=1',
      'sampling=1',
      'cache_active_timeout=1',
    );
    await until(
      async () =>
        (
          await hairpin
            .get<{ exporters: { templates: number }[] }>('/api/v1/exporters')
            .catch(() => ({ exporters: [] }))
        ).exporters.length >= 0,
      1000,
    );
    const before = lab.sent();
    await lab.talk(10);
    const sent = lab.sent().ipBytes - before.ipBytes;
    expect(sent).toBeGreaterThan(10_000_000);
    await until(async () => (await answer()).value >= sent * 0.99, 30_000, 'every byte in the matrix').catch(() => {});
    const { value } = await answer();
    expect(value / sent).toBeGreaterThan(0.99);
    expect(value / sent).toBeLessThan(1.01);
  }, 60_000);

  test('sFlow, 1 in 64: IP bytes of the interface within the stated interval', async () => {
    lab.vsctl(
      'set',
      'Bridge',
      lab.bridge,
      'sflow=@s',
      '--',
      '--id=@s',
      'create',
      'sFlow',
      'agent=lo',
      `target="127.0.0.1:${hairpin.udpPort}"`,
      'header=128',
      'sampling=64',
      'polling=1',
    );
    const before = lab.sent();
    await lab.talk(20);
    const sent = lab.sent().ipBytes - before.ipBytes;
    let last = -1;
    await until(
      async () => {
        const { samples } = await answer();
        const settled = samples > 50 && samples === last;
        last = samples;
        return (
          settled &&
          (await hairpin.metric('enricher_rows_stored_total')) === (await hairpin.metric('collector_records_total'))
        );
      },
      30_000,
      'all samples stored',
    );
    const { value, ciLow, ciHigh, samples } = await answer();
    expect(samples).toBeGreaterThan(50);
    // The 95 % interval, widened to one in ten thousand runs: a test may not fail once in twenty.
    const margin = ((ciHigh! - ciLow!) / 2) * (3.9 / 1.96);
    expect(Math.abs(value - sent)).toBeLessThan(margin);
    expect(margin / value).toBeLessThan(0.7);
  }, 60_000);
});
