// `hairpin load` with a simulated scenario: its datagrams leave from real sockets when the clock shows that the simulated
// tick is over, so that an installation with the same clock receives them at their time. Documents are written as they
// become known; with `api` the installation gets later inventories in the same moment.

import { setTimeout as sleep } from 'node:timers/promises';
import { parseHostPort } from '../../schemas/host-port.ts';
import type { Inventory } from '../../schemas/inventory.ts';
import { type Clock, createClock } from '../../service/clock.ts';
import { HairpinError } from '../../service/errors.ts';
import { replaceText } from '../../service/replace-file.ts';
import { writeDocument } from '../load/documents.ts';
import type { LoadContext, LoadProgress } from '../load/load.ts';
import type { LoadOptions } from '../load/options.ts';
import { openSender, type Sender } from '../load/sender.ts';
import { scenarioOf } from './scenarios/scenarios.ts';
import type { Datagram } from './scenarios/transit.ts';
import { SCENARIO_DEFAULTS, Simulation } from './simulate.ts';
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

export async function runSimulation(options: LoadOptions, context: LoadContext = {}): Promise<SimulationSummary> {
  const target = parseHostPort(options.to);
  if (!target.host.startsWith('127.') && target.host !== 'localhost')
    throw new HairpinError(
      'SEND_FAILED',
      `scenario ${options.scenario} sends from an address for each exporter, which only loopback has; give --to 127.0.0.1:PORT`,
    );
  const clock = createClock(options.clock);
  const simulation = simulationOf(options, clock);
  const sender = await openSender(
    simulation.world.exporters.map(({ spec }) => ({ agentAddress: spec.address, protocol: spec.protocol })),
    () => target,
  );
  try {
    return await new SimulationRun(options, context, { clock, simulation, sender }).run();
  } finally {
    await sender.close();
  }
}

/** It starts with the next tick of the clock. */
function simulationOf(options: LoadOptions, clock: Clock): Simulation {
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
  return new Simulation(scenario, {
    ...settings,
    startMs: (Math.floor(clock.nowMs() / tickMs) + 1) * tickMs,
    clock: options.clock === '' ? 'real' : 'simulated',
  });
}

interface RunParts {
  readonly clock: Clock;
  readonly simulation: Simulation;
  readonly sender: Sender;
}

class SimulationRun {
  readonly #options: LoadOptions;
  readonly #context: LoadContext;
  readonly #parts: RunParts;
  readonly #signal: AbortSignal;
  readonly #counts = { flows: 0, records: 0, datagrams: 0, datagramBytes: 0, droppedDatagrams: 0, droppedRecords: 0 };
  readonly #written = new Set<Inventory>();
  readonly #started = performance.now();
  #progressMs = 0;
  #behindMs = 0;

  constructor(options: LoadOptions, context: LoadContext, parts: RunParts) {
    this.#options = options;
    this.#context = context;
    this.#parts = parts;
    this.#signal = context.signal ?? new AbortController().signal;
  }

  async run(): Promise<SimulationSummary> {
    const { simulation } = this.#parts;
    const { prepare } = this.#options;
    const { exporters, applications } = simulation.documents();
    this.#write('exporters', exporters);
    this.#write('applications', applications);
    await this.#publish(simulation.nowMs);
    while (!prepare && !simulation.isDone && !this.#signal.aborted) {
      await this.#step();
      this.#reportProgress();
    }
    if (!prepare) await this.#publish(Number.POSITIVE_INFINITY);
    const truth = this.#truth();
    this.#writeTruth(truth);
    return this.#summary(truth);
  }

  /** Passes one tick and sends its datagrams when the clock shows that it is over. */
  async #step(): Promise<void> {
    const { simulation, clock } = this.#parts;
    const datagrams = simulation.step();
    const waitMs = clock.realMsUntil(simulation.nowMs);
    this.#behindMs = Math.max(0, clock.nowMs() - simulation.nowMs);
    if (waitMs > 1) await sleep(waitMs, undefined, { signal: this.#signal }).catch(() => {});
    await this.#send(datagrams);
    await this.#publish(simulation.nowMs);
  }

  async #send(datagrams: readonly Datagram[]): Promise<void> {
    const counts = this.#counts;
    for (const { exporter, payload } of datagrams) {
      if (counts.datagrams % BURST_DATAGRAMS === BURST_DATAGRAMS - 1) await sleep(1);
      this.#parts.sender.send(exporter, payload, payload.length);
      counts.datagrams++;
      counts.datagramBytes += payload.length;
    }
  }

  /** Writes and sends every inventory that is known by now, or all of them at the end. */
  async #publish(untilMs: number): Promise<void> {
    const { api } = this.#options;
    for (const [i, { inventory, knownAtMs }] of this.#parts.simulation.inventories.entries()) {
      if (this.#written.has(inventory) || knownAtMs > untilMs) continue;
      this.#written.add(inventory);
      this.#write(`inventory-${i + 1}`, inventory);
      // The first one holds from the start and is given with the start of the installation.
      if (i > 0 && api !== '') await putInventory(api, inventory);
    }
  }

  #write(name: string, document: unknown): void {
    if (this.#options.documents === '') return;
    const path = writeDocument(this.#options.documents, name, document);
    this.#context.onWritten?.(path);
  }

  #reportProgress(): void {
    const elapsedMs = performance.now() - this.#started;
    if (elapsedMs - this.#progressMs < PROGRESS_EVERY_MS) return;
    this.#progressMs = elapsedMs;
    this.#context.onProgress?.({
      ...this.#counts,
      elapsedS: elapsedMs / 1000,
      behind: Math.round(this.#behindMs / 1000),
    });
  }

  #truth(): TruthV2 {
    const { simulation, clock } = this.#parts;
    // What carries no time of its own is stamped at its receipt, later than it was sent where the load ran behind.
    const toMs = Math.max(simulation.nowMs, clock.nowMs()) + RECEIPT_MS_MAX * clock.speed;
    return { ...simulation.truth(), to: new Date(Math.ceil(toMs / MINUTE_MS) * MINUTE_MS).toISOString() };
  }

  #writeTruth(truth: TruthV2): void {
    const { truth: path, prepare } = this.#options;
    if (path === '' || prepare) return;
    replaceText(path, JSON.stringify(truth));
    this.#context.onWritten?.(path);
  }

  #summary(truth: TruthV2): SimulationSummary {
    const sum = (of: (exporter: TruthV2['exporters'][number]) => number) =>
      truth.exporters.reduce((total, exporter) => total + of(exporter), 0);
    const elapsedS = (performance.now() - this.#started) / 1000;
    const records = sum(exporter => exporter.records - exporter.lostRecords);
    return {
      ...this.#counts,
      records,
      droppedDatagrams: sum(({ lostDatagrams }) => lostDatagrams),
      droppedRecords: sum(({ lostRecords }) => lostRecords),
      elapsedS,
      behind: Math.round(this.#behindMs / 1000),
      flowsPerS: 0,
      recordsPerS: records / elapsedS,
      sendErrors: this.#parts.sender.errors,
      truth,
    };
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
