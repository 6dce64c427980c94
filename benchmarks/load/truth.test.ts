// The truth against Hairpin's own stages, without socket and server: datagrams decoded and enriched, elected records
// summed, must give the application matrix that the generator wrote down before any exporter saw the traffic.

import { expect, test } from 'vitest';
import { Decoder } from '../../collector/decode/decoder.ts';
import { createNodeNames } from '../../enricher/endpoints/node-names.ts';
import { Enrichment, type FlowBatch } from '../../enricher/stages/enrich.ts';
import { timeAt } from '../../enricher/stages/times.ts';
import { fixedKnowledge } from '../../inventory/snapshot/knowledge.ts';
import { compileSnapshot } from '../../inventory/snapshot/snapshot.ts';
import { createBatch } from '../../schemas/batch.ts';
import { COUNT_REASON } from '../../schemas/codes.ts';
import { FLOW_COLUMNS } from '../../schemas/flow.ts';
import { keyToBigint } from '../../schemas/keys.ts';
import { type Recorded, record, START_MS } from '../../testing/data/load.ts';
import { documentsOf } from './documents.ts';
import { EXPORT_PROTOCOLS, type ExportProtocol } from './model/data-centre.ts';

interface Outcome {
  readonly matrix: Record<string, number>;
  readonly unelected: number;
  readonly firstStartMs: number;
  readonly lastEndMs: number;
}

function throughHairpin({ dataCentre, datagrams, feed }: Recorded): Outcome {
  const documents = documentsOf(
    dataCentre,
    dataCentre.bridges.map(bridge => bridge.agentAddress),
    new Date(START_MS - 3_600_000).toISOString(),
  );
  const batch: FlowBatch = createBatch(FLOW_COLUMNS, feed.counts.records + 16_384);
  const output = {
    batch,
    flush: () => {
      throw new Error('the batch holds every record');
    },
  };
  const decoder = new Decoder(output, { templatesMax: 16, exportersMax: 16 });
  for (const { payload, srcAddress, srcPort, timeMs } of datagrams)
    decoder.decode(payload, srcAddress, srcPort, timeMs);
  expect(batch.rows).toBe(feed.counts.records);
  expect(decoder.context.faults.every(count => count === 0)).toBe(true);
  for (const domain of decoder.exporters.domains()) expect([domain.lost, domain.unknownRateRecords]).toEqual([0, 0]);

  const names = createNodeNames();
  const enrichment = new Enrichment(fixedKnowledge(compileSnapshot(documents)), names, {
    spanMsMax: 3_600_000,
    skewMsMax: 60_000,
  });
  const tallies = enrichment.enrichBatch(batch, { low: 1, high: 1 });
  expect(tallies).toMatchObject({ cut: 0, reversed: 0, unknownRate: 0 });
  const nameOf = new Map<bigint, string>(names.take().map(({ key, name }) => [key, name]));
  const { columns } = batch;
  const named = (column: Uint32Array, row: number) =>
    nameOf.get(keyToBigint({ low: column[2 * row]!, high: column[2 * row + 1]! }))!;
  const matrix: Record<string, number> = {};
  let unelected = 0;
  let firstStartMs = Number.POSITIVE_INFINITY;
  let lastEndMs = 0;
  for (let row = 0; row < batch.rows; row++) {
    firstStartMs = Math.min(firstStartMs, timeAt(columns.flowStart, row));
    lastEndMs = Math.max(lastEndMs, timeAt(columns.flowEnd, row));
    // What comes from outside passes one bridge only: its one point is the largest.
    if (columns.countReason[row] === COUNT_REASON.unelected) unelected++;
    else if (columns.weight[row] === 0) continue;
    else expect(columns.weight[row]).toBe(1);
    const cell = `${named(columns.srcApp, row)} > ${named(columns.dstApp, row)}`;
    matrix[cell] = (matrix[cell] ?? 0) + timeAt(columns.estBytes, row);
  }
  return { matrix, unelected, firstStartMs, lastEndMs };
}

test.each<[string, readonly ExportProtocol[]]>([
  ...EXPORT_PROTOCOLS.map((protocol): [string, readonly ExportProtocol[]] => [protocol, [protocol]]),
  ['bridges of every make', EXPORT_PROTOCOLS],
])('%s: the matrix equals the truth to the byte, each flow counted once', (_, protocols) => {
  const recorded = record({ protocols, bridges: 4, vms: 60, apps: 14 }, 40);
  const truth = recorded.feed.truth();
  const { matrix, unelected, firstStartMs, lastEndMs } = throughHairpin(recorded);
  expect(matrix).toEqual(
    Object.fromEntries(truth.applications.map(({ src, dst, bytes }) => [`${src} > ${dst}`, bytes])),
  );
  // Every way in and every access port is metered, so there is a point for each pair.
  expect(unelected).toBe(0);
  expect(recorded.feed.counts.records).toBeGreaterThan(truth.flows);
  expect([Date.parse(truth.from) <= firstStartMs, lastEndMs <= Date.parse(truth.to)]).toEqual([true, true]);
  expect(lastEndMs).toBeGreaterThanOrEqual(START_MS + 3900);
});

test('a sampled matrix is right on the whole', () => {
  const recorded = record({ protocols: ['netflow9', 'ipfix'], sampling: 10 }, 400);
  const { matrix } = throughHairpin(recorded);
  const total = Object.values(matrix).reduce((sum, bytes) => sum + bytes, 0);
  const { packets } = recorded.feed.truth();
  expect(packets).toBeGreaterThan(300_000);
  // One in ten is taken; with sizes of 64 to 1500 bytes (CV below 1) the total's standard error is below 0.75 %.
  expect(Math.abs(total / recorded.feed.truth().bytes - 1)).toBeLessThan(0.03);
});
