// A real bridge: two hosts on Open vSwitch talk with iperf3, the bridge exports sFlow and IPFIX to Hairpin, and the
// sending interface's own counters say what it should have seen.

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Lab, labPossible, openLab } from '../testing/labs/openvswitch-lab.ts';
import { onPath, requireTool } from '../testing/requirements.ts';
import { type RunningHairpin, startHairpin, until } from '../testing/spawned.ts';

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

  /** Sent by the first host to the second between a pair of their addresses, as the matrix has it. */
  async function answer([src, dst]: readonly [string, string]) {
    return (await hairpin.matrix(`from=now-30m&by=addr&filter=${encodeURIComponent(`srcAddr=${src},dstAddr=${dst}`)}`))
      .total;
  }

  /** One packet in `sampling` is looked at; records leave after a second. */
  function exportIpfix(sampling: number): void {
    const target = `targets="127.0.0.1:${hairpin.udpPort}"`;
    const settings = ['obs_domain_id=1', 'obs_point_id=1', `sampling=${sampling}`, 'cache_active_timeout=1'];
    lab.vsctl('set', 'Bridge', lab.bridge, 'ipfix=@i', '--', '--id=@i', 'create', 'IPFIX', target, ...settings);
  }

  /** Sends to each of the second host's addresses; returns the IP bytes that the interface sent for each. */
  async function talkToAll(megabytes: number): Promise<number[]> {
    const sent: number[] = [];
    for (const [, to] of lab.pairs) {
      const before = lab.sent();
      await lab.talk(megabytes, to);
      sent.push(lab.sent().ipBytes - before.ipBytes);
    }
    return sent;
  }

  /** The answers for all pairs, when nothing comes in any more and everything is stored. */
  async function settledAnswers() {
    const answers = () => Promise.all(lab.pairs.map(answer));
    let last = '';
    await until(
      async () => {
        const reported = JSON.stringify((await answers()).map(({ value, samples }) => [value, samples]));
        const settled = reported === last;
        last = reported;
        return (
          settled &&
          (await hairpin.metric('enricher_rows_stored_total')) === (await hairpin.metric('collector_records_total'))
        );
      },
      30_000,
      'all samples stored',
    );
    return answers();
  }

  test('IPFIX, unsampled: IP bytes within 1 % of the interfaces, although each packet is reported twice', async () => {
    exportIpfix(1);
    const [pair] = lab.pairs;
    const [sentBefore, receivedBefore] = [lab.sent(), lab.received()];
    await lab.talk(10, pair![1]);
    const sent = lab.sent().ipBytes - sentBefore.ipBytes;
    const received = lab.received().ipBytes - receivedBefore.ipBytes;
    expect(sent).toBeGreaterThan(10_000_000);
    await until(async () => (await answer(pair!)).value! >= received * 0.99, 30_000, 'every byte in the matrix').catch(
      () => {},
    );
    const { value } = await answer(pair!);
    const lost = `${await hairpin.metric('collector_kernel_drops_total')} datagrams dropped by the kernel`;
    expect(value! / received, lost).toBeGreaterThan(0.99);
    expect(value! / sent).toBeLessThan(1.01);
  }, 120_000);

  test('IPFIX, 1 in 64: the bridge has scaled its counts, and nothing is scaled a second time', async () => {
    exportIpfix(64);
    const sent = await talkToAll(10);
    const reported = await settledAnswers();
    console.log(reported.map(({ value }, i) => (value! / sent[i]!).toFixed(2)).join(', '));
    // Some 110 packets of each transfer are looked at: a standard error of 10 %, of all six together 4 %. Scaled twice
    // they would be 64 times as much, not scaled at all a 64th.
    for (const [i, { value }] of reported.entries()) {
      expect(value! / sent[i]!).toBeGreaterThan(0.5);
      expect(value! / sent[i]!).toBeLessThan(1.6);
    }
    const total = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0);
    expect(total(reported.map(({ value }) => value!)) / total(sent)).toBeGreaterThan(0.75);
    expect(total(reported.map(({ value }) => value!)) / total(sent)).toBeLessThan(1.25);
    const { flows } = await hairpin.get<{ flows: { rateSource: string; bytes: number; estBytes: number }[] }>(
      '/api/v1/flows?from=now-30m&limit=1000',
    );
    expect(new Set(flows.map(({ rateSource }) => rateSource))).toEqual(new Set(['prescaled']));
    expect(flows.map(({ estBytes }) => estBytes)).toEqual(flows.map(({ bytes }) => bytes));
    // It does not report its rate: how far these may be off nobody knows, and no answer says otherwise.
    for (const { ciLow, ciHigh, method } of reported) expect([ciLow, ciHigh, method]).toEqual([null, null, 'unknown']);
    const { quality } = await hairpin.matrix('from=now-1h');
    expect([quality.unknownErrorShare, quality.unknownRateShare]).toEqual([1, 0]);
  }, 120_000);

  test('sFlow, 1 in 64: IP bytes of the interface within the stated interval, of six transfers in three at least', async () => {
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
    const sent = await talkToAll(10);
    const reported = (await settledAnswers()).map(({ value, ciLow, ciHigh, samples }, i) => ({
      samples,
      relativeWidth: (ciHigh! - ciLow!) / value!,
      inside: ciLow! <= sent[i]! && sent[i]! <= ciHigh!,
      standardErrors: ((value! - sent[i]!) / (ciHigh! - ciLow!)) * 2 * 1.96,
    }));
    console.log(
      reported
        .map(({ samples, standardErrors }) => `${samples} samples, off by ${standardErrors.toFixed(1)} standard errors`)
        .join('\n'),
    );
    for (const { samples, relativeWidth } of reported) {
      expect(samples).toBeGreaterThan(50);
      // Segments are offloaded: a frame of more than 1,500 bytes was seen, so one that was missed may have 9,216 (Fay and Feuer).
      // After 100 samples of 1,500 bytes the limits are then 81 and 136 % of the sum.
      expect(relativeWidth).toBeLessThan(0.7);
    }
    // A 95 % interval misses once in twenty: four of six once in 10,000 runs. Five standard errors, once in a million.
    expect(reported.filter(one => one.inside).length, JSON.stringify(reported)).toBeGreaterThanOrEqual(3);
    for (const { standardErrors } of reported)
      expect(Math.abs(standardErrors), JSON.stringify(reported)).toBeLessThan(5);
    // Six squared standard errors are chi-squared: above 27.9 once in 10,000 runs, and below 0.17, were they too large.
    const squares = reported.reduce((sum, { standardErrors }) => sum + standardErrors ** 2, 0);
    expect(squares, JSON.stringify(reported)).toBeLessThan(27.9);
    expect(squares, JSON.stringify(reported)).toBeGreaterThan(0.17);
  }, 120_000);
});
