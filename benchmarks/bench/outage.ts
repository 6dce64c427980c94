// `bench outage`: Kafka is away for minutes while flows keep coming. Nothing may be lost, the memory of the collector may
// not grow with what waits on disk, and when Kafka is back the backlog has to go several times faster than flows arrive.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Installation, isStoredUpTo, openInstallation } from '../chaos/installation.ts';
import type { Service } from '../chaos/service.ts';
import { startStream } from '../chaos/stream.ts';
import { type StoredNumbers, storedNumbers } from '../chaos/verdict.ts';
import type { Results } from './results.ts';

export interface OutageOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly smoke: boolean;
}

const DATABASE = 'outage';
const RATE = 50_000;
const SMOKE_RATE = 2000;
const PROTOCOL = 'netflow9';
/** An hour of it. */
const SPOOL_BYTES_MAX = 40 * 1024 ** 3;
const WARM_UP_MS = 15_000;
const SMOKE_WARM_UP_MS = 5000;
const CATCH_UP_MIN = 3;
/** Growth of the memory from the first third of the outage to the last that is no growth. */
const GROWTH_MIB_MAX = 64;
const DRAIN_MS_MAX = 3_600_000;
const POLL_MS = 500;

export async function benchOutage(options: OutageOptions): Promise<Results> {
  const installation = await openInstallation();
  let keep = true;
  try {
    const outage = await measure(installation, options);
    const failures = failuresOf(outage, options.smoke);
    keep = failures.length > 0;
    return {
      name: 'outage',
      about: `Kafka away for ${options.minutes} min under ${rateOf(options)} flows/s (${PROTOCOL}) into one collector; one enricher, broker, ClickHouse and generator on the same machine. Catch-up counts what is new as well: rows a second over flows arriving a second, until all that was received before the return was in Kafka, and until it was in ClickHouse.`,
      columns: [
        'flows sent',
        'lost',
        'twice',
        'collector RSS MiB, first third',
        'last third',
        'after catch-up',
        'flows/s arriving',
        'into Kafka, s',
        'x arrival',
        'into ClickHouse, s',
        'x arrival',
      ],
      rows: [rowOf(outage)],
      failures,
    };
  } finally {
    await installation.close(keep);
  }
}

function rateOf({ smoke }: OutageOptions): number {
  return smoke ? SMOKE_RATE : RATE;
}

interface Outage {
  readonly flows: number;
  readonly stored: StoredNumbers;
  /** Where the collector counted a loss. */
  readonly lost: Readonly<Record<'refused' | 'dropped' | 'kernel', number>>;
  /** Memory of the collector while Kafka is away, highest in the first third and in the last. */
  readonly earlyMiB: number;
  readonly lateMiB: number;
  readonly afterMiB: number;
  readonly arrivedPerS: number;
  readonly catchUp: CatchUp;
  /** Rows a second over flows arriving a second, into Kafka and into ClickHouse. */
  readonly sentRatio: number;
  readonly storedRatio: number;
}

async function measure(installation: Installation, options: OutageOptions): Promise<Outage> {
  const { minutes, seed, smoke } = options;
  const storage = installation.connect(DATABASE);
  const { collector, enricher } = await startServices(installation);
  const stream = await startStream({ udpPort: collector.udpPort, protocol: PROTOCOL, rate: rateOf(options), seed });
  await sleep(smoke ? SMOKE_WARM_UP_MS : WARM_UP_MS);

  const rss = await withoutKafka(installation, collector, minutes);
  const backMs = Date.now();
  const sentBefore = stream.ledger.flows;
  const catchUp = await caughtUp(installation, collector, enricher, backMs);
  const arrivedPerS = (stream.ledger.flows - sentBefore) / catchUp.storedS;
  const afterMiB = rssMiB(collector.pid()!);
  await stream.stop();
  await drained(installation, collector);
  const lost = await lossesOf(collector);
  const stored = await storedNumbers(storage, PROTOCOL, stream.ledger.flows);

  const third = Math.max(1, Math.floor(rss.length / 3));
  return {
    flows: stream.ledger.flows,
    stored,
    lost,
    earlyMiB: Math.max(...rss.slice(0, third)),
    lateMiB: Math.max(...rss.slice(-third)),
    afterMiB,
    arrivedPerS,
    catchUp,
    sentRatio: catchUp.sentRows / catchUp.sentS / arrivedPerS,
    storedRatio: catchUp.storedRows / catchUp.storedS / arrivedPerS,
  };
}

async function startServices(installation: Installation): Promise<{ collector: Service; enricher: Service }> {
  const collector = await installation.collector('collector-1', { 'spool-bytes-max': SPOOL_BYTES_MAX });
  const enricher = await installation.enricher('enricher-1', { 'clickhouse-database': DATABASE });
  collector.start();
  enricher.start();
  while (!((await collector.ready()) && (await enricher.ready()))) await sleep(POLL_MS);
  return { collector, enricher };
}

/** Ends the broker, and starts it again after `minutes`; the memory of the collector meanwhile, in MiB. */
async function withoutKafka(installation: Installation, collector: Service, minutes: number): Promise<number[]> {
  const [broker] = installation.kafka.nodes;
  await broker!.kill();
  const awayAt = performance.now();
  const rss: number[] = [];
  while (performance.now() - awayAt < minutes * 60_000) {
    await sleep(POLL_MS);
    rss.push(rssMiB(collector.pid()!));
  }
  await broker!.start();
  return rss;
}

async function lossesOf(collector: Service): Promise<Outage['lost']> {
  const counters = await collector.metrics();
  return {
    refused: counters!.sum('encoder_rows_refused_total', 'kind="flows"'),
    dropped: counters!.sum('collector_rows_dropped_total'),
    kernel: counters!.sum('collector_kernel_drops_total'),
  };
}

function failuresOf({ stored, lost, earlyMiB, lateMiB, storedRatio }: Outage, smoke: boolean): string[] {
  const { missing, twice, invented } = stored;
  const failures: string[] = [];
  if (missing.size > 0)
    failures.push(`${missing.size} flows are not stored; counted: ${JSON.stringify(lost)} (kernel: datagrams)`);
  if (twice > 0) failures.push(`${twice} flows are stored more than once`);
  if (invented > 0) failures.push(`${invented} flows were never sent`);
  if (!smoke && lateMiB - earlyMiB > GROWTH_MIB_MAX)
    failures.push(`the collector grew from ${earlyMiB.toFixed(0)} to ${lateMiB.toFixed(0)} MiB`);
  if (!smoke && storedRatio < CATCH_UP_MIN)
    failures.push(
      `the backlog was stored at ${storedRatio.toFixed(1)} times the rate of arrival, ${CATCH_UP_MIN} are promised`,
    );
  return failures;
}

function rowOf({ flows, stored, catchUp, ...outage }: Outage): string[] {
  return [
    String(flows),
    String(stored.missing.size),
    String(stored.twice),
    outage.earlyMiB.toFixed(0),
    outage.lateMiB.toFixed(0),
    outage.afterMiB.toFixed(0),
    outage.arrivedPerS.toFixed(0),
    catchUp.sentS.toFixed(1),
    outage.sentRatio.toFixed(1),
    catchUp.storedS.toFixed(1),
    outage.storedRatio.toFixed(1),
  ];
}

interface CatchUp {
  readonly sentS: number;
  readonly sentRows: number;
  readonly storedS: number;
  readonly storedRows: number;
}

/** From `sinceMs` until what was received before is in Kafka, and until it is in ClickHouse. */
async function caughtUp(
  installation: Installation,
  collector: Service,
  enricher: Service,
  sinceMs: number,
): Promise<CatchUp> {
  const stored = async () => (await enricher.metrics())?.sum('enricher_rows_stored_total') ?? Number.NaN;
  const rowsBefore = await stored();
  const waiting = () => collector.spooledAt().filter(writtenMs => writtenMs <= sinceMs).length;
  const batches = waiting();
  const counters = await collector.metrics();
  const rowsPerBatch = counters!.sum('encoder_rows_total') / counters!.sum('encoder_batches_total');
  const sentBefore = counters!.sum('kafka_batches_sent_total');
  const deadline = Date.now() + DRAIN_MS_MAX;
  const check = (what: string) => {
    if (Date.now() > deadline) throw new Error(`not within ${DRAIN_MS_MAX / 1000} s: ${what}`);
  };
  while (waiting() > 0) {
    check(`${batches} batches into Kafka`);
    await sleep(POLL_MS);
  }
  const sentS = (Date.now() - sinceMs) / 1000;
  const sentRows = ((await collector.metrics())!.sum('kafka_batches_sent_total') - sentBefore) * rowsPerBatch;
  let ends: readonly number[] | undefined;
  for (;;) {
    check(`${batches} batches into ClickHouse`);
    const progress = await installation.progress();
    ends ??= progress?.ends;
    if (ends && isStoredUpTo(ends, progress)) break;
    await sleep(POLL_MS);
  }
  return { sentS, sentRows, storedS: (Date.now() - sinceMs) / 1000, storedRows: (await stored()) - rowsBefore };
}

async function drained(installation: Installation, collector: Service): Promise<void> {
  // The last batch closes within a second.
  await sleep(2000);
  for (const deadline = Date.now() + DRAIN_MS_MAX; ; await sleep(POLL_MS)) {
    const progress = await installation.progress();
    if (collector.spooledAt().length === 0 && progress && isStoredUpTo(progress.ends, progress)) return;
    if (Date.now() > deadline) throw new Error(`not within ${DRAIN_MS_MAX / 1000} s: every batch stored`);
  }
}

function rssMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
