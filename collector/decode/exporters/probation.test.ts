// Forged sources and the table of exporters: who sent one datagram does not keep out who sends again, and who is known
// always finds room.

import { describe, expect, test } from 'vitest';
import {
  Bench,
  ethernet,
  flowSample,
  ip4,
  ipv4,
  netflow5,
  record5,
  sampledHeader,
  sflow,
  tcp,
} from '../../../testing/data/datagrams.ts';
import { KNOWN_SESSIONS_MAX, REFUSED_MAX } from './exporters.ts';
import { RENEW_MS } from './roster.ts';

const EXPORTERS = 100;
const five = (sequence = 1) => netflow5([record5()], { sequence });

/** One datagram of each of so many forged sources. */
function flood(bench: Bench, count: number, nowMs: number, network = 10): void {
  for (let i = 0; i < count; i++)
    bench.decode(five(), `${network}.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 9, nowMs + i / count);
}

const isKnown = (bench: Bench, address: string, port = 1) => bench.decoder.exporters.has(address, port);

/** An exporter that has sent for a while. */
function settle(bench: Bench, address: string, port: number, nowMs: number): void {
  for (const ms of [0, RENEW_MS]) bench.decode(five(ms), address, port, nowMs + ms);
}

// proves: floods
describe('when forged sources have filled the table', () => {
  test('a new exporter that sends again finds room, and keeps it', () => {
    const bench = new Bench({ exportersMax: EXPORTERS });
    flood(bench, 2 * EXPORTERS, 0);
    bench.decode(five(1), '192.0.2.1', 1, 1000);
    expect(isKnown(bench, '192.0.2.1')).toBe(false);
    bench.decode(five(2), '192.0.2.1', 1, 2000);
    expect(isKnown(bench, '192.0.2.1')).toBe(true);
    bench.decode(five(9), '192.0.2.1', 1, 2000 + RENEW_MS);
    flood(bench, 20 * EXPORTERS, 2001 + RENEW_MS, 11);
    expect(isKnown(bench, '192.0.2.1')).toBe(true);
    expect(bench.decoder.exporters.size).toBe(EXPORTERS);
  });

  test('those that send twice at once are not settled: nobody who has sent for a while goes for them', () => {
    const bench = new Bench({ exportersMax: 3 });
    settle(bench, '192.0.2.1', 1, 0);
    for (let i = 0; i < 1000; i++)
      for (const sequence of [1, 2]) bench.decode(five(sequence), `10.0.${i >> 8}.${i & 255}`, 9, RENEW_MS + i);
    expect(isKnown(bench, '192.0.2.1')).toBe(true);
    for (const sequence of [1, 2]) bench.decode(five(sequence), '192.0.2.2', 1, 2 * RENEW_MS);
    expect(isKnown(bench, '192.0.2.2')).toBe(true);
  });

  test('a known exporter finds room under a new port at once, also where all others have sent for a while', () => {
    const bench = new Bench({ exportersMax: 4 });
    for (const last of [1, 2, 3, 4]) settle(bench, `192.0.2.${last}`, 1, 0);
    bench.decode(five(), '192.0.2.4', 2, RENEW_MS + 1);
    expect(isKnown(bench, '192.0.2.4', 2)).toBe(true);
    expect(isKnown(bench, '192.0.2.1')).toBe(false);
  });

  test(`up to ${KNOWN_SESSIONS_MAX} ports: whoever forges a known address does not evict the others with it`, () => {
    const bench = new Bench({ exportersMax: 2 * KNOWN_SESSIONS_MAX });
    for (let i = 0; i < 2 * KNOWN_SESSIONS_MAX; i++) settle(bench, `192.0.2.${i}`, 1, 0);
    for (let port = 2; port < 1000; port++) bench.decode(five(), '192.0.2.127', port, RENEW_MS + port);
    const left = Array.from({ length: 127 }, (_, i) => isKnown(bench, `192.0.2.${i}`)).filter(known => known).length;
    expect(left).toBeGreaterThanOrEqual(KNOWN_SESSIONS_MAX);
  });

  test('an exporter of a prefix in --exporter-known finds room at once, and none of the prefix is evicted for it', () => {
    const isReserved = (address: string) => address.startsWith('192.0.2.');
    const bench = new Bench({ exportersMax: 3, isReserved });
    for (const last of [1, 2, 3]) settle(bench, `10.0.0.${last}`, 1, 0);
    for (const last of [1, 2, 3, 4]) bench.decode(five(), `192.0.2.${last}`, 1, RENEW_MS + last);
    expect([1, 2, 3, 4].map(last => isKnown(bench, `192.0.2.${last}`))).toEqual([true, true, true, false]);
  });

  test('an exporter that the process before knew finds room at once', () => {
    const before = new Bench();
    before.decoder.exporters.sequences.start(new Uint8Array(), 0);
    settle(before, '192.0.2.1', 1, 0);
    before.decode(five(), '192.0.2.2', 1, 0);
    const bench = new Bench({ exportersMax: 2 });
    bench.decoder.exporters.sequences.start(before.decoder.exporters.sequences.take()!, 0);
    for (const last of [1, 2]) settle(bench, `10.0.0.${last}`, 1, 0);
    bench.decode(five(), '192.0.2.2', 1, 2 * RENEW_MS);
    bench.decode(five(), '192.0.2.1', 1, 2 * RENEW_MS);
    expect(['192.0.2.1', '192.0.2.2'].map(address => isKnown(bench, address))).toEqual([true, false]);
  });

  test('sFlow agents that report again find room too', () => {
    const bench = new Bench({ exportersMax: EXPORTERS });
    const sample = flowSample([sampledHeader(ethernet(0x0800, ipv4(tcp())))]);
    const agentOf = (a: number, b: number) => sflow([sample], { agent: ip4(`10.${a}.${b >> 8}.${b & 255}`) });
    for (let i = 0; i < 2 * EXPORTERS; i++) bench.decode(agentOf(0, i), '192.0.2.1', 1, i);
    const before = bench.faults('sflow5')['exporter-limit'];
    expect(before).toBe(EXPORTERS);
    for (let i = 0; i < 3; i++) bench.decode(agentOf(1, 7), '192.0.2.1', 1, 1000 + i);
    expect(bench.faults('sflow5')['exporter-limit']).toBe(EXPORTERS + 1);
  });

  test(`who was refused is reported, each once, and at most ${REFUSED_MAX} are remembered`, () => {
    const bench = new Bench({ exportersMax: 1 });
    settle(bench, '192.0.2.1', 1, 0);
    bench.decode(five(1), '192.0.2.9', 7, RENEW_MS);
    bench.decode(five(2), '192.0.2.9', 7, RENEW_MS);
    const { exporters } = bench.decoder;
    expect([exporters.refused, exporters.takeRefused(), exporters.takeRefused()]).toEqual([2, ['192.0.2.9'], []]);
    flood(bench, 3 * REFUSED_MAX, RENEW_MS);
    expect(exporters.refused).toBe(2 + 3 * REFUSED_MAX);
    expect(exporters.refusedRemembered).toBeLessThanOrEqual(REFUSED_MAX);
    expect(exporters.takeRefused().length).toBeLessThanOrEqual(100);
  });
});
