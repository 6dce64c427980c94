// Several agents that report one agent address: vendor defaults, 127.0.0.1.

import { describe, expect, test } from 'vitest';
import {
  Bench,
  ethernet,
  flowSample,
  ip4,
  ipv4,
  RECEIVED_MS,
  sampledHeader,
  sflow,
  tcp,
} from '../../../testing/data/datagrams.ts';
import type { Domain } from '../exporters/domain.ts';
import { TEMPLATE_IDLE_MS } from '../exporters/exporters.ts';
import { CLAIMS_PER_AGENT_MAX, CLASH_EVIDENCE } from '../exporters/shared-agent.ts';
import { SILENT_MS } from '../exporters/take-over.ts';

const SHARED = '127.0.0.1';
const sample = flowSample([sampledHeader(ethernet(0x0800, ipv4(tcp())))]);

class Network {
  readonly bench = new Bench();
  nowMs = RECEIVED_MS;
  /** Returns the exporter of the row. */
  send(source: string, sequence: number, agent = SHARED): string {
    this.nowMs += 1000;
    const datagram = sflow([sample], { agent: ip4(agent), sequence, uptimeMs: 1_000_000 + this.nowMs - RECEIVED_MS });
    const rows = this.bench.decode(datagram, source, 6343, this.nowMs);
    return String(rows[0]!['exporter']);
  }
  /** Those that were let go are reported once. */
  readonly #seen = new Set<Domain>();
  total(count: 'lost' | 'restarts' | 'clashes' | 'datagrams'): number {
    for (const domain of this.bench.domains()) this.#seen.add(domain);
    return [...this.#seen].reduce((sum, domain) => sum + domain[count], 0);
  }
}

describe('agents whose sequences cannot be one', () => {
  // proves: shared-agent-address
  test.each([
    ['far apart', 5000, 90_000_000],
    ['near each other', 5000, 5010],
    ['in step', 5000, 5000],
    ['one number apart', 5000, 5001],
  ])('%s are distinguished by their source address: a clash, and neither loss nor restarts', (_, first, second) => {
    const network = new Network();
    const exporters: string[] = [];
    for (let i = 0; i < 50; i++) {
      exporters.push(network.send('198.51.100.1', first + i));
      exporters.push(network.send('198.51.100.2', second + i));
    }
    expect(exporters.slice(-4)).toEqual(['198.51.100.1', '198.51.100.2', '198.51.100.1', '198.51.100.2']);
    // Until it is certain, rows have the address that the agents report.
    const certainAt = exporters.findIndex(exporter => exporter !== SHARED);
    expect(certainAt).toBeLessThanOrEqual(2 * CLASH_EVIDENCE + 4);
    expect(exporters.slice(certainAt)).not.toContain(SHARED);
    expect([network.total('lost'), network.total('restarts')]).toEqual([0, 0]);
    expect([network.total('clashes'), network.bench.decoder.exporters.agents.clashes]).toEqual([2, 1]);
    expect(network.total('datagrams')).toBe(100);
  });

  test('lose what they lose, each by itself', () => {
    const network = new Network();
    for (let i = 0; i < 50; i++) {
      network.send('198.51.100.1', i);
      if (i !== 30 && i !== 31) network.send('198.51.100.2', 7000 + i);
    }
    expect(network.total('lost')).toBe(2);
  });

  test('are three, and a fourth that comes later', () => {
    const network = new Network();
    const of = (agents: number, i: number) =>
      Array.from({ length: agents }, (_, n) => network.send(`198.51.100.${n + 1}`, 1000 * n + i));
    for (let i = 0; i < 30; i++) of(3, i);
    for (let i = 30; i < 50; i++) of(4, i);
    expect(of(4, 50)).toEqual([1, 2, 3, 4].map(n => `198.51.100.${n}`));
    expect([network.total('lost'), network.total('restarts'), network.total('clashes')]).toEqual([0, 0, 4]);
  });

  test('are one clash for each agent address and sub-agent', () => {
    const network = new Network();
    for (let i = 0; i < 20; i++)
      for (const agent of [SHARED, '192.0.2.9'])
        for (const source of [1, 2]) network.send(`198.51.100.${source}`, 500 * source + i, agent);
    expect(network.bench.decoder.exporters.agents.clashes).toBe(2);
  });

  test('are forgotten together when nobody has sent for a day', () => {
    const network = new Network();
    for (let i = 0; i < 20; i++) for (const source of [1, 2]) network.send(`198.51.100.${source}`, 500 * source + i);
    network.nowMs += TEMPLATE_IDLE_MS + 1000;
    network.bench.decoder.expire(network.nowMs);
    expect(network.send('198.51.100.1', 900)).toBe(SHARED);
  });
});

describe('an agent is one', () => {
  test('that sends from two addresses in turn, with a datagram lost now and then', () => {
    const network = new Network();
    for (let i = 0; i < 200; i++) {
      if (i % 17 === 16) continue;
      expect(network.send(`198.51.100.${1 + (i % 2)}`, i)).toBe(SHARED);
    }
    expect([network.total('restarts'), network.total('clashes')]).toEqual([0, 0]);
    expect(network.bench.domain().datagrams).toBe(200 - 11);
  });

  test('that sends from two addresses, and what comes from one of them is late', () => {
    const network = new Network();
    for (let i = 0; i < 200; i += 2) {
      network.send('198.51.100.1', i + 1);
      network.send('198.51.100.2', i);
    }
    expect([network.total('restarts'), network.total('clashes')]).toEqual([0, 0]);
  });

  test('that goes on under another address, and loses nothing', () => {
    const network = new Network();
    for (let i = 0; i < 20; i++) network.send('198.51.100.1', i);
    for (let i = 20; i < 40; i++) network.send('198.51.100.2', i);
    expect([network.total('lost'), network.total('restarts'), network.total('clashes')]).toEqual([0, 0, 0]);
  });

  test('that started again under another address: a restart, once the old one is silent', () => {
    const network = new Network();
    for (let i = 0; i < 20; i++) network.send('198.51.100.1', 7_000_000 + i);
    for (let i = 0; i < SILENT_MS / 1000 + 20; i++) expect(network.send('198.51.100.2', i)).toBe(SHARED);
    expect([network.total('lost'), network.total('restarts'), network.total('clashes')]).toEqual([0, 1, 0]);
  });

  test('that lost datagrams when it changed its address: they are lost, and no more', () => {
    const network = new Network();
    for (let i = 0; i < 20; i++) network.send('198.51.100.1', i);
    for (let i = 25; i < 25 + SILENT_MS / 1000 + 20; i++) network.send('198.51.100.2', i);
    expect([network.total('lost'), network.total('restarts'), network.total('clashes')]).toEqual([5, 0, 0]);
  });
});

test('what is remembered of other sources is bounded: spoofed ones change nothing', () => {
  const network = new Network();
  for (let i = 0; i < 3 * CLAIMS_PER_AGENT_MAX; i++) {
    network.send('198.51.100.1', i);
    network.send(`203.0.113.${i % 250}`, 9_000_000 + 1000 * i);
  }
  expect([network.total('lost'), network.total('restarts'), network.total('clashes')]).toEqual([0, 0, 0]);
  expect(network.bench.domain().claims!.size).toBe(CLAIMS_PER_AGENT_MAX);
});
