import { describe, expect, test } from 'vitest';
import { ADMITTED, createSourceGate, NOT_ALLOWED, OVER_RATE } from './source-gate.ts';

const gate = (exporterAllow: string[], exporterRateMax = 0, sourcesMax?: number) =>
  createSourceGate({ exporterAllow, exporterRateMax }, sourcesMax)!;

test('without list and limit there is no gate', () => {
  expect(gate([])).toBeUndefined();
});

test('takes sources of the listed prefixes, IPv4 also as sockets of IPv6 report it, and no others', () => {
  const { allows, admit } = gate(['10.1.0.0/16', '192.0.2.7', '2001:db8::/33', 'fe80::/10']);
  const verdicts = (addresses: readonly string[]) => addresses.map(address => [allows(address), admit(address, 0)]);
  const taken = ['10.1.255.255', '::ffff:10.1.0.1', '192.0.2.7', '2001:db8:7fff::1', 'fe80::1%eth0'];
  expect(verdicts(taken)).toEqual(taken.map(() => [true, ADMITTED]));
  const refused = [
    '10.2.0.0',
    '::ffff:10.0.255.255',
    '192.0.2.6',
    '2001:db8:8000::1',
    'fec0::1',
    '::1',
    '/run/socket',
    '',
  ];
  expect(verdicts(refused)).toEqual(refused.map(() => [false, NOT_ALLOWED]));
  expect(gate(['0.0.0.0/0']).allows('2001:db8::1')).toBe(false);
  expect(gate(['::/0']).allows('203.0.113.9')).toBe(true);
});

describe('the limit', () => {
  const admitted = (g: ReturnType<typeof gate>, address: string, times: number, nowMs: number) =>
    Array.from({ length: times }, () => g.admit(address, nowMs)).filter(verdict => verdict === ADMITTED).length;

  test('is a second at once, then its rate, for each source by itself', () => {
    const g = gate([], 100);
    expect(admitted(g, 'a', 500, 1000)).toBe(100);
    expect(g.admit('a', 1000)).toBe(OVER_RATE);
    expect(admitted(g, 'b', 500, 1000)).toBe(100);
    expect(admitted(g, 'a', 500, 1250)).toBe(25);
    expect(admitted(g, 'a', 500, 3_600_000)).toBe(100);
    // 50 looks a millisecond for a second, each of which gives a tenth of a token.
    let sum = 0;
    for (let ms = 1; ms <= 1000; ms++) sum += admitted(g, 'a', 50, 3_600_000 + ms);
    expect(sum).toBe(100);
  });

  test('is not filled by a clock that is set back, nor emptied by asking', () => {
    const g = gate([], 10);
    expect(admitted(g, 'a', 20, 10_000)).toBe(10);
    expect(admitted(g, 'a', 20, 5000)).toBe(0);
    expect(admitted(g, 'a', 20, 5100)).toBe(1);
    const before = Array.from({ length: 5 }, () => g.hasToken('a', 5200));
    expect(before).toEqual([true, true, true, true, true]);
    expect(admitted(g, 'a', 20, 5200)).toBe(1);
    expect(g.hasToken('a', 5200)).toBe(false);
  });

  test('remembers a bounded number of sources; strangers displace nobody', () => {
    const g = gate(['10.0.0.0/8'], 1, 4);
    expect(admitted(g, '10.0.0.1', 2, 0)).toBe(1);
    for (let i = 0; i < 100; i++) expect(g.admit(`192.0.2.${i}`, 0)).toBe(NOT_ALLOWED);
    expect([g.size, g.admit('10.0.0.1', 0)]).toEqual([1, OVER_RATE]);
    for (let i = 2; i < 100; i++) expect(g.admit(`10.0.0.${i}`, 0)).toBe(ADMITTED);
    expect([g.size, g.admit('10.0.0.99', 0), g.admit('10.0.0.1', 0)]).toEqual([4, OVER_RATE, ADMITTED]);
  });

  test('forgets the source that came first, however often it came since', () => {
    const g = gate([], 1, 4);
    const remembered: string[] = [];
    for (let i = 0; i < 500; i++) {
      const address = `10.0.0.${(i * i) % 11}`;
      const known = remembered.includes(address);
      expect(g.admit(address, 0), `datagram ${i}`).toBe(known ? OVER_RATE : ADMITTED);
      if (!known && remembered.push(address) > 4) remembered.shift();
    }
  });

  test('costs a new source about the same at the bound, where each displaces one, as before', () => {
    const count = 32_768;
    const g = gate([], 1, count);
    const msOf = (round: number): number => {
      const addresses = Array.from({ length: count }, (_, i) => `10.${round}.${i >> 8}.${i & 255}`);
      const began = performance.now();
      for (const address of addresses) g.admit(address, 0);
      return performance.now() - began;
    };
    const below = msOf(0);
    const atBound = Math.min(...[1, 2, 3, 4].map(msOf));
    // A walk through what was deleted costs 20 times as much and more.
    expect(atBound / below).toBeLessThan(8);
  });
});
