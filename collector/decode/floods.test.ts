// Floods of distinct template ids, domains, sources and agents, with an honest exporter beside them: the caps hold, the
// heap does not grow, and the honest one loses no record. `bench fuzz` runs the same floods at a million each.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import { createBatch } from '../../schemas/batch.ts';
import { DECODED_COLUMNS } from '../../schemas/flow.ts';
import {
  createFlood,
  type FloodOf,
  memory,
  netflow9,
  RECEIVED_MS,
  set,
  template,
  u32,
} from '../../testing/data/datagrams.ts';
import { Decoder } from './decoder.ts';
import { PENDING_BYTES_MAX } from './exporters/pending.ts';
import { STORE_BYTES_MAX } from './exporters/template-store.ts';
import type { FlowBatch } from './flow-batch.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const COUNT = 50_000;
/** By then every table is at its bound. */
const SETTLED = 20_000;
const HONEST_EVERY = 100;
const LIMITS = { templatesMax: 1000, exportersMax: 500 };

function heapBytes(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** A decoder that counts rows by exporter and keeps none. */
function counting() {
  const rows = { honest: 0, all: 0 };
  const batch = createBatch(DECODED_COLUMNS, 4096) as unknown as FlowBatch;
  const output = {
    batch,
    flush() {
      // 192.0.2.1: the flood has no address of this kind.
      for (let row = 0; row < batch.rows; row++) if (batch.columns.exporter[4 * row + 3] === 0x010200c0) rows.honest++;
      rows.all += batch.rows;
      batch.rows = 0;
    },
  };
  const { store, sink, changes } = memory(LIMITS.exportersMax, LIMITS.templatesMax);
  sink.changed = () => 0;
  const decoder = new Decoder(output, LIMITS, undefined, { store, sink });
  return { decoder, store, rows, output, changes };
}

describe('a flood of', () => {
  // proves: state-bounds, floods
  test.each<readonly [FloodOf, boolean]>([
    ['templates', false],
    ['templates', true],
    ['unknown templates', false],
    ['domains', false],
    ['domains', true],
    ['sources', false],
    ['sources', true],
    ['agents', false],
    ['agents', true],
  ])(
    '%s, proven: %s, stays within the caps with a flat heap, and the exporter beside it loses nothing',
    (of, proven) => {
      const { decoder, store, rows, output } = counting();
      const flood = createFlood(of, proven);
      const honest = netflow9([set(300, u32(1), u32(2))]);
      const announce = netflow9([set(0, template(300, [[1, 4]])), set(300, u32(1), u32(2))]);
      let sent = 0;
      let settledBytes = 0;
      for (let i = 0; i < COUNT; i++) {
        const nowMs = RECEIVED_MS + i;
        if (i % HONEST_EVERY === 0) sent += decoder.decode(i === 0 ? announce : honest, '192.0.2.1', 1, nowMs) && 2;
        const { datagram, address, port } = flood(i);
        decoder.decode(datagram, address, port, nowMs);
        if (i % 10_000 === 0) decoder.expire(nowMs);
        if (i === SETTLED) settledBytes = heapBytes();
      }
      output.flush();
      expect(rows.honest).toBe(sent);
      expect(sent).toBe(2 * (COUNT / HONEST_EVERY));
      const { exporters, context } = decoder;
      expect(exporters.size).toBeLessThanOrEqual(LIMITS.exportersMax);
      const domains = [...exporters.domains()].filter(({ evicted }) => !evicted);
      expect(domains.length).toBeLessThanOrEqual(1024 + 5 * LIMITS.exportersMax);
      expect(domains.reduce((sum, { templates }) => sum + templates.size, 0)).toBeLessThanOrEqual(
        Math.max(LIMITS.templatesMax, 4 * LIMITS.exportersMax) + 1,
      );
      expect(context.templated.pending.bytes).toBeLessThanOrEqual(PENDING_BYTES_MAX);
      expect(store.bytes).toBeLessThanOrEqual(STORE_BYTES_MAX);
      expect(heapBytes() / settledBytes).toBeLessThan(1.1);
    },
  );
});
