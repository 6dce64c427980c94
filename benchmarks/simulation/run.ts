// `hairpin load` with a simulated scenario: its datagrams leave from real sockets when the clock shows that the simulated
// tick is over, so that an installation with the same clock receives them at their time. Documents are written as they
// become known; with `api` the installation is told of later inventories in the same moment.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseHostPort } from '../../schemas/host-port.ts';
import type { Inventory } from '../../schemas/inventory.ts';
import { createClock } from '../../service/clock.ts';
import { HairpinError } from '../../service/errors.ts';
import { replaceText } from '../../service/replace-file.ts';
import { writeDocument } from '../load/documents.ts';
import type { LoadContext, LoadProgress } from '../load/load.ts';
import type { LoadOptions } from '../load/options.ts';
import { openSender } from '../load/sender.ts';
import { scenarioOf } from './scenarios/scenarios.ts';
import { createSimulation, SCENARIO_DEFAULTS } from './simulate.ts';
import type { TruthV2 } from './truth.ts';

export interface SimulationSummary extends LoadProgress {
  readonly flowsPerS: number;
  readonly recordsPerS: number;
  readonly sendErrors: number;
  readonly truth: TruthV2;
}

const MINUTE_MS = 60_000;
const PROGRESS_EVERY_MS = 1000;
/** Receipt and the stamp of it, in real time. */
const RECEIPT_MS_MAX = 2000;
/** A simulation that runs behind its clock would fill the receiver's socket buffer: a millisecond after each burst. */
const BURST_DATAGRAMS = 64;

export async function runSimulation(
  options: LoadOptions,
  { signal = new AbortController().signal, onProgress, onWritten }: LoadContext = {},
): Promise<SimulationSummary> {
  const target = parseHostPort(options.to);
  if (!target.host.startsWith('127.') && target.host !== 'localhost')
    throw new HairpinError(
      'SEND_FAILED',
      `scenario ${options.scenario} sends from an address for each exporter, which only loopback has; give --to 127.0.0.1:PORT`,
    );
  const clock = createClock(options.clock);
  const scenario = scenarioOf(options.scenario);
  const settings = {
    seed: options.seed,
    sampling: options.sampling,
    loss: options.loss,
    seconds: options.seconds,
    volume: options.volume,
    protocol: protocolOf(options),
  };
  // Ticks do not cross minutes.
  const { tickMs } = scenario.plan({ ...SCENARIO_DEFAULTS, ...settings });
  const startMs = (Math.floor(clock.nowMs() / tickMs) + 1) * tickMs;
  const simulation = createSimulation(scenario, {
    ...settings,
    startMs,
    clock: options.clock === '' ? 'real' : 'simulated',
  });
  const sender = await openSender(
    simulation.world.exporters.map(({ spec }) => ({ agentAddress: spec.address, protocol: spec.protocol })),
    () => target,
  );
  const counts = { flows: 0, records: 0, datagrams: 0, datagramBytes: 0, droppedDatagrams: 0, droppedRecords: 0 };
  const written = new Set<Inventory>();
  const started = performance.now();
  let progressMs = 0;
  let behindMs = 0;

  const write = (name: string, document: unknown) => {
    if (options.documents === '') return;
    const path = writeDocument(options.documents, name, document);
    onWritten?.(path);
  };

  /** Writes and sends every inventory that is known by now, or all of them at the end. */
  const publish = async (untilMs: number) => {
    for (const [i, { inventory, knownAtMs }] of simulation.inventories.entries()) {
      if (written.has(inventory) || knownAtMs > untilMs) continue;
      written.add(inventory);
      write(`inventory-${i + 1}`, inventory);
      // The first one holds from the start and is given with the start of the installation.
      if (i > 0 && options.api !== '') await putInventory(options.api, inventory);
    }
  };

  try {
    const { exporters, applications } = simulation.documents();
    write('exporters', exporters);
    write('applications', applications);
    await publish(startMs);
    while (!options.prepare && !simulation.isDone && !signal.aborted) {
      const datagrams = simulation.step();
      const waitMs = clock.realMsUntil(simulation.nowMs);
      behindMs = Math.max(0, clock.nowMs() - simulation.nowMs);
      if (waitMs > 1) await sleep(waitMs, undefined, { signal }).catch(() => {});
      for (const { exporter, payload } of datagrams) {
        if (counts.datagrams % BURST_DATAGRAMS === BURST_DATAGRAMS - 1) await sleep(1);
        sender.send(exporter, payload, payload.length);
        counts.datagrams++;
        counts.datagramBytes += payload.length;
      }
      await publish(simulation.nowMs);
      const elapsedMs = performance.now() - started;
      if (elapsedMs - progressMs < PROGRESS_EVERY_MS) continue;
      progressMs = elapsedMs;
      onProgress?.({ ...counts, elapsedS: elapsedMs / 1000, behind: Math.round(behindMs / 1000) });
    }
    if (!options.prepare) await publish(Number.POSITIVE_INFINITY);
    const told = simulation.truth();
    // What carries no time of its own is stamped at its receipt, later than it was sent where the load ran behind.
    const toMs = Math.max(simulation.nowMs, clock.nowMs()) + RECEIPT_MS_MAX * clock.speed;
    const truth = { ...told, to: new Date(Math.ceil(toMs / MINUTE_MS) * MINUTE_MS).toISOString() };
    if (options.truth !== '' && !options.prepare) {
      replaceText(options.truth, JSON.stringify(truth));
      onWritten?.(options.truth);
    }
    const sum = (of: (exporter: TruthV2['exporters'][number]) => number) =>
      truth.exporters.reduce((total, exporter) => total + of(exporter), 0);
    const elapsedS = (performance.now() - started) / 1000;
    const records = sum(exporter => exporter.records - exporter.lostRecords);
    return {
      ...counts,
      records,
      droppedDatagrams: sum(({ lostDatagrams }) => lostDatagrams),
      droppedRecords: sum(({ lostRecords }) => lostRecords),
      elapsedS,
      behind: Math.round(behindMs / 1000),
      flowsPerS: 0,
      recordsPerS: records / elapsedS,
      sendErrors: sender.errors,
      truth,
    };
  } finally {
    await sender.close();
  }
}

function protocolOf({ protocol }: LoadOptions): 'sflow5' | 'ipfix' | 'netflow9' {
  const [first] = protocol;
  return first === 'sflow5' || first === 'netflow9' ? first : 'ipfix';
}

async function putInventory(api: string, inventory: Inventory): Promise<void> {
  // On a fast clock a watched file was heard again before this got there, and then it is of the past.
  const url = `${api.replace(/\/+$/, '')}/api/v1/inventory/snapshots?correction=true`;
  const response = await fetch(url, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(inventory),
  }).catch((error: Error) => {
    throw new HairpinError('SEND_FAILED', `${url} does not answer; check --api URL`, error);
  });
  if (!response.ok)
    throw new HairpinError(
      'SEND_FAILED',
      `${url} answers ${response.status}: ${(await response.text()).slice(0, 500)}`,
    );
}
