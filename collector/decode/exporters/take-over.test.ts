// What outlives a session: an exporter that comes back from another port, a collector that was started again, and a
// decoder in another thread.

import { describe, expect, test } from 'vitest';
import {
  Bench,
  type BenchOptions,
  ipfix,
  ipfixOptions,
  memory,
  netflow9,
  RECEIVED_MS,
  set,
  template,
  u32,
} from '../../../testing/data/datagrams.ts';
import { TEMPLATE_IDLE_MS } from './exporters.ts';
import { connectionPort } from './session.ts';
import { SILENT_MS } from './take-over.ts';
import { DORMANT_MS_MAX } from './template-store.ts';

const announce = set(2, template(300, [[1, 4]]), template(301, [[2, 4]]));
const rate = [set(3, ipfixOptions(310, [[149, 4]], [[34, 4]])), set(310, u32(0), u32(64))];
const data = (sequence = 0) => ipfix([set(300, u32(5))], { sequence });

/** Datagrams of one address at times from a start. */
function exporter(options: BenchOptions = {}, startMs = RECEIVED_MS) {
  const bench = new Bench(options);
  return {
    bench,
    at: (ms: number, port: number, datagram: Uint8Array) => bench.decode(datagram, '192.0.2.1', port, startMs + ms),
    takenOver: () => bench.decoder.exporters.takenOver,
  };
}

describe('an exporter that comes back from another port', () => {
  // proves: state-moved
  test('takes over templates, rate and sequence of the only session of its address, when that one is silent', () => {
    const { bench, at, takenOver } = exporter();
    at(0, 1000, ipfix([announce, ...rate, set(300, u32(1))], { sequence: 10 }));
    expect(at(SILENT_MS, 2000, data(12))).toMatchObject([{ bytes: 5, samplingRate: 64 }]);
    expect(takenOver()).toBe(1);
    // The sequence goes on: 13 to 19 are missing.
    at(SILENT_MS + 1, 2000, data(20));
    expect(bench.domain()).toMatchObject({ lost: 7, datagrams: 3 });
    expect(bench.faults('ipfix')).toEqual({});
  });

  test('takes over nothing while the other one is live; its data wait, and are read once that one is silent', () => {
    const { bench, at, takenOver } = exporter();
    at(0, 1000, ipfix([announce, ...rate]));
    expect(at(1000, 2000, data())).toEqual([]);
    at(2000, 1000, data());
    expect(at(SILENT_MS, 2000, data())).toEqual([]);
    expect(takenOver()).toBe(0);
    expect(at(2000 + SILENT_MS, 2000, data()).map(({ bytes, samplingRate }) => [bytes, samplingRate])).toEqual([
      [5, 64],
      [5, 64],
      [5, 64],
    ]);
    expect(takenOver()).toBe(1);
    expect(bench.domains().map(({ evicted, pendingSets, lostSets }) => [evicted, pendingSets, lostSets])).toEqual([
      [false, 0, 0],
      [true, 0, 0],
    ]);
  });

  // proves: template-scope, shared-address
  test('never mixes with another that is live, as two behind one NAT are', () => {
    const { bench, at, takenOver } = exporter();
    const other = ipfix([set(2, template(300, [[2, 4]]))]);
    at(0, 1000, ipfix([announce]));
    at(0, 2000, other);
    for (let ms = 10_000; ms < 4 * SILENT_MS; ms += 10_000) {
      expect(at(ms, 1000, data())).toMatchObject([{ bytes: 5, packets: 0 }]);
      expect(at(ms, 2000, data())).toMatchObject([{ bytes: 0, packets: 5 }]);
    }
    // Two that could be the one before: a third takes over neither.
    expect(at(10 * SILENT_MS, 3000, data())).toEqual([]);
    expect(takenOver()).toBe(0);
    expect(bench.domains().length).toBe(3);
  });

  test('with other templates keeps its own, and takes what it does not have', () => {
    const { bench, at } = exporter();
    at(0, 1000, ipfix([announce]));
    at(1, 2000, ipfix([set(2, template(300, [[2, 4]])), set(301, u32(9))]));
    at(2 * SILENT_MS, 2000, ipfix([set(300, u32(6)), set(301, u32(8))]));
    expect(bench.rows.map(({ bytes, packets }) => [bytes, packets])).toEqual([
      [0, 6],
      [0, 9],
      [0, 8],
    ]);
  });

  test('under another domain, protocol or address is another exporter', () => {
    const { bench, at, takenOver } = exporter();
    at(0, 1000, ipfix([announce]));
    at(SILENT_MS, 2000, ipfix([set(300, u32(1))], { domain: 9 }));
    at(SILENT_MS, 2000, netflow9([set(300, u32(1))]));
    bench.decode(data(), '192.0.2.2', 3000, RECEIVED_MS + SILENT_MS);
    expect([takenOver(), bench.rows.length]).toEqual([0, 0]);
  });
});

describe('a collector that was started again', () => {
  const known = memory();
  const before = exporter({ knowledge: known });
  before.at(0, 1000, ipfix([announce, ...rate, set(300, u32(1))]));
  const restarted = (startMs: number, changes = known.changes) => {
    const knowledge = memory();
    for (const change of changes) knowledge.store.apply(change);
    return { ...exporter({ knowledge }, startMs), knowledge };
  };
  const later = RECEIVED_MS + 3600_000;

  test('knows templates and rates: data alone are read at once, and nothing new is reported', () => {
    const { bench, at, knowledge } = restarted(later);
    expect(at(0, 1000, data())).toMatchObject([{ bytes: 5, samplingRate: 64 }]);
    at(0, 1000, ipfix([announce, ...rate]));
    expect(bench.faults('ipfix')).toEqual({});
    expect(bench.domain().templatesLearned).toBe(0);
    expect(knowledge.changes).toEqual([]);
  });

  test('learns a redefinition, and a withdrawal of what it has not used yet', () => {
    const { at, knowledge } = restarted(later);
    expect(at(0, 1000, ipfix([set(2, template(300, [[2, 4]])), set(300, u32(3))]))).toMatchObject([{ packets: 3 }]);
    at(0, 1000, ipfix([set(2, template(2, []))]));
    expect(knowledge.changes.map(({ type }) => type)).toEqual(['template', 'withdrawn', 'withdrawn']);
    expect(at(0, 1000, ipfix([set(301, u32(3))]))).toEqual([]);
    const again = restarted(later, [...knowledge.store.changes()]);
    expect(again.at(0, 1000, data())).toEqual([]);
  });

  test('lets an exporter from another port take over, after it has listened for long enough', () => {
    const { bench, at, takenOver, knowledge } = restarted(later);
    expect(at(0, 2000, data())).toEqual([]);
    expect(at(SILENT_MS - 1, 2000, data())).toEqual([]);
    expect(at(SILENT_MS + 1000, 2000, data()).length).toBe(3);
    expect([takenOver(), bench.domain().samplingRate]).toEqual([1, 64]);
    expect([...knowledge.store.changes()].every(({ key }) => key.port === 2000)).toBe(true);
    expect(knowledge.store.size).toBe(1);
  });

  test('takes over nothing of an exporter that another thread hears', () => {
    const { at, takenOver, knowledge, bench } = restarted(later);
    const [{ key }] = knowledge.store.changes() as unknown as [{ key: never }];
    expect(at(0, 2000, data())).toEqual([]);
    for (let ms = 20_000; ms <= 2 * SILENT_MS; ms += 20_000) {
      bench.decoder.learn([{ type: 'seen', key, atMs: later + ms, proven: true }], later + ms);
      expect(at(ms + 1, 2000, data())).toEqual([]);
    }
    expect(takenOver()).toBe(0);
  });
});

describe('a decoder in another thread', () => {
  // proves: state-moved
  test('hears of templates and rates, and reads what waited for them', () => {
    const first = memory();
    const one = exporter({ knowledge: first });
    const two = exporter({ knowledge: memory() });
    two.at(0, 1000, data());
    one.at(0, 1000, ipfix([announce, ...rate]));
    expect(two.bench.learn(first.changes)).toMatchObject([{ bytes: 5 }]);
    expect(two.at(1, 1000, data())).toMatchObject([{ samplingRate: 64 }]);
    // A redefinition there holds here.
    one.at(2, 1000, ipfix([set(2, template(300, [[2, 4]]))]));
    two.bench.learn(first.changes.slice(-1));
    expect(two.at(3, 1000, data())).toMatchObject([{ bytes: 0, packets: 5 }]);
    one.at(4, 1000, ipfix([set(2, template(300, []))]));
    two.bench.learn(first.changes.slice(-1));
    expect(two.at(5, 1000, data())).toEqual([]);
  });
});

describe('templates', () => {
  // proves: templates-forgotten
  test('that nobody announced or used for a day are forgotten; those in use are not', () => {
    const knowledge = memory();
    const { bench, at } = exporter({ knowledge });
    at(0, 1000, ipfix([announce]));
    for (let ms = 0; ms <= TEMPLATE_IDLE_MS + 3600_000; ms += 3600_000) {
      at(ms, 1000, data());
      bench.decoder.expire(RECEIVED_MS + ms);
    }
    expect([...bench.domain().templates.keys()]).toEqual([300]);
    expect(knowledge.changes.at(-1)).toMatchObject({ type: 'withdrawn', templateId: 301 });
  });

  test('of an exporter that was silent for a day leave the memory; the journal has them for a week', () => {
    const knowledge = memory();
    const { bench, at } = exporter({ knowledge });
    at(0, 1000, ipfix([announce]));
    bench.decoder.expire(RECEIVED_MS + TEMPLATE_IDLE_MS + 1);
    expect(bench.decoder.exporters.size).toBe(0);
    expect(at(2 * TEMPLATE_IDLE_MS, 1000, data()).length).toBe(1);
    expect(knowledge.store.expire(RECEIVED_MS + DORMANT_MS_MAX)).toEqual([]);
    expect(knowledge.store.expire(RECEIVED_MS + 2 * TEMPLATE_IDLE_MS + DORMANT_MS_MAX + 1).length).toBe(1);
  });

  // proves: template-scope
  test('of a connection live as long as it does: no journal, no take-over, no end before its end', () => {
    const knowledge = memory();
    const { bench, at, takenOver } = exporter({ knowledge, exportersMax: 1 });
    const port = connectionPort(1000, 1);
    at(0, port, ipfix([announce]));
    for (let i = 0; i < 10; i++) bench.decode(ipfix([announce]), `198.51.100.${i}`, 1, RECEIVED_MS);
    bench.decoder.expire(RECEIVED_MS + 2 * TEMPLATE_IDLE_MS);
    expect(at(2 * TEMPLATE_IDLE_MS, port, data()).length).toBe(1);
    expect(at(3 * TEMPLATE_IDLE_MS, connectionPort(1000, 2), data())).toEqual([]);
    expect(at(3 * TEMPLATE_IDLE_MS, 1000, data())).toEqual([]);
    expect(knowledge.changes.some(({ key }) => key.address === '192.0.2.1')).toBe(false);
    bench.decoder.exporters.endSession('192.0.2.1', port);
    expect(at(3 * TEMPLATE_IDLE_MS, port, data())).toEqual([]);
    expect(takenOver()).toBe(0);
  });
});
