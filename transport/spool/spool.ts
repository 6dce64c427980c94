// The spool is the carrier within one machine: a folder with a file per batch. The sink lives in the collector's encoder
// thread and the source in the enricher's thread; they share the folder and the count of bytes in it. A batch is on disk
// before it is announced, and its file is removed when it is acknowledged. The spool survives crashes of processes, and
// with `durable` loss of power.

import { readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseToken } from '../../schemas/batch.ts';
import { type CounterSpec, type CounterSpecs, type Counters, openCounters } from '../../service/counters.ts';
import { BATCH_SUFFIX } from '../batch-file.ts';
import { ageS, OLDEST_AGE_METRIC, type Refusal } from '../transport.ts';

export const TEMPORARY_SUFFIX = '.tmp';

/** Written by the sink's thread. */
export const SPOOL_SINK_COUNTERS = {
  batches: { name: 'spool_batches_stored_total', help: 'batches written to the spool' },
  bytes: { name: 'spool_bytes_stored_total', help: 'bytes written to the spool' },
  'refused bound': {
    name: 'spool_batches_refused_total',
    help: 'batches refused by the spool',
    labels: { reason: 'bound' },
  },
  'refused disk-full': {
    name: 'spool_batches_refused_total',
    help: 'batches refused by the spool',
    labels: { reason: 'disk-full' },
  },
  'refused too-large': {
    name: 'spool_batches_refused_total',
    help: 'batches refused by the spool',
    labels: { reason: 'too-large' },
  },
  'refused io': { name: 'spool_batches_refused_total', help: 'batches refused by the spool', labels: { reason: 'io' } },
} as const satisfies Record<string, CounterSpec>;

/** The label of each refusal; its position is what `refusal` holds. */
const REFUSALS = ['bound', 'disk-full', 'too-large', 'io'] as const satisfies readonly Refusal[];
/** A sink that has refused within this is refusing: a batch comes twice a second while there is traffic. */
const REFUSING_MS = 10_000;

/** Written by the source's thread. */
export const SPOOL_SOURCE_COUNTERS = {
  readErrors: {
    name: 'spool_read_errors_total',
    help: 'times a batch could not be read; it is tried again, ever less often',
  },
  acknowledged: { name: 'spool_batches_acknowledged_total', help: 'batches that ClickHouse has' },
  replayed: { name: 'spool_batches_replayed_total', help: 'batches found in the spool at start' },
  'quarantined checksum': {
    name: 'quarantine_batches_total',
    help: 'batches moved to quarantine',
    labels: { reason: 'checksum' },
  },
  'quarantined format': {
    name: 'quarantine_batches_total',
    help: 'batches moved to quarantine',
    labels: { reason: 'format' },
  },
  'quarantined header-version': {
    name: 'quarantine_batches_total',
    help: 'batches moved to quarantine',
    labels: { reason: 'header-version' },
  },
  'quarantined rejected': {
    name: 'quarantine_batches_total',
    help: 'batches moved to quarantine',
    labels: { reason: 'rejected' },
  },
  quarantineDropped: {
    name: 'quarantine_batches_dropped_total',
    help: 'batches dropped because quarantine was at its bound',
  },
  quarantineFailed: {
    name: 'quarantine_failures_total',
    help: 'batches that could not be moved to quarantine; they stay in the spool until the next start',
  },
} as const satisfies Record<string, CounterSpec>;

/** Written once, at start. */
const SPOOL_START_COUNTERS = {
  temporaryRemoved: {
    name: 'spool_temporary_files_removed_total',
    help: 'half-written files of a crashed process, removed at start',
  },
  strangers: { name: 'spool_unknown_files', help: 'files in the spool that are no batches; they are left unchanged' },
} as const satisfies Record<string, CounterSpec>;

const SPOOL_GAUGES = {
  bytesHeld: { name: 'spool_bytes', help: 'bytes in the spool' },
  oldestAgeS: {
    name: OLDEST_AGE_METRIC,
    help: 'age of the oldest batch in the spool that was not acknowledged; 0 when there is none',
  },
} as const satisfies Record<string, CounterSpec>;

/** The settings of sink and source; they can be posted to a thread. */
export interface SpoolSettings {
  readonly folder: string;
  readonly quarantine: string;
  readonly bytesMax: number;
  readonly quarantineBytesMax: number;
  readonly durable: boolean;
  /** One BigInt64: bytes in the spool, changed with Atomics. */
  readonly usage: SharedArrayBuffer;
  /** One Float64: when the oldest batch that is not settled was put there, 0 none; written by the source. */
  readonly oldest: SharedArrayBuffer;
  /** Two Float64: when the sink last refused a batch, 0 never, and why. */
  readonly refusal: SharedArrayBuffer;
  readonly sinkCounters: SharedArrayBuffer;
  readonly sourceCounters: SharedArrayBuffer;
}

export type SpoolOptions = Pick<SpoolSettings, 'folder' | 'quarantine' | 'bytesMax' | 'quarantineBytesMax' | 'durable'>;

export interface OpenedSpool {
  readonly settings: SpoolSettings;
  readonly counters: readonly Counters<CounterSpecs>[];
}

/** Reads what an earlier process left: half-written files are removed, the bytes of whole ones are counted. */
export function openSpool(options: SpoolOptions): OpenedSpool {
  const start = openCounters(SPOOL_START_COUNTERS);
  const sink = openCounters(SPOOL_SINK_COUNTERS);
  const source = openCounters(SPOOL_SOURCE_COUNTERS);
  const usage = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT);
  const oldest = new SharedArrayBuffer(Float64Array.BYTES_PER_ELEMENT);
  const refusal = new SharedArrayBuffer(2 * Float64Array.BYTES_PER_ELEMENT);
  let bytes = 0;
  for (const name of readdirSync(options.folder)) {
    const path = join(options.folder, name);
    if (name.endsWith(TEMPORARY_SUFFIX)) {
      rmSync(path, { force: true });
      start.add('temporaryRemoved');
    } else if (tokenOfFile(name)) bytes += statSync(path).size;
    else start.add('strangers');
  }
  addUsage(usage, bytes);
  // Other threads write them, and an age grows while nobody writes: the gauges read where they write.
  const gauges: Counters<typeof SPOOL_GAUGES> = {
    ...openCounters(SPOOL_GAUGES),
    get: key => (key === 'bytesHeld' ? addUsage(usage, 0) : ageS(new Float64Array(oldest)[0]!, Date.now())),
  };
  return {
    settings: { ...options, usage, oldest, refusal, sinkCounters: sink.buffer, sourceCounters: source.buffer },
    counters: [start, sink, source, gauges],
  };
}

/** The token a file is named after, undefined when it is no batch. */
export function tokenOfFile(name: string): string | undefined {
  if (!name.endsWith(BATCH_SUFFIX)) return undefined;
  const token = name.slice(0, -BATCH_SUFFIX.length);
  return parseToken(token) ? token : undefined;
}

export function noteRefusal({ refusal }: SpoolSettings, reason: Refusal, nowMs: number): void {
  new Float64Array(refusal).set([nowMs, REFUSALS.indexOf(reason)]);
}

/** Why the sink refuses batches at present; undefined when it does not. */
export function refusing({ refusal }: SpoolSettings, nowMs: number): Refusal | undefined {
  const [atMs, reason] = new Float64Array(refusal);
  return nowMs - atMs! < REFUSING_MS ? REFUSALS[reason!] : undefined;
}

/** Adds to the bytes in the spool; returns the new sum. */
export function addUsage(usage: SharedArrayBuffer, bytes: number): number {
  return Number(Atomics.add(new BigInt64Array(usage), 0, BigInt(bytes))) + bytes;
}
