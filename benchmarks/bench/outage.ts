// `bench outage`: Kafka is away for minutes while flows keep coming. Nothing may be lost, the memory of the collector may
// not grow with what waits on disk, and when Kafka is back the backlog has to go several times faster than flows arrive.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Installation, isStoredUpTo, openInstallation } from '../chaos/installation.ts';
import type { Service } from '../chaos/service.ts';
import { startStream } from '../chaos/stream.ts';
import { storedNumbers } from '../chaos/verdict.ts';
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

export async function benchOutage({ minutes, seed, smoke }: OutageOptions): Promise<Results> {
  const installation = await openInstallation();
  let keep = true;
  try {
    const rate = smoke ? SMOKE_RATE : RATE;
    const storage = installation.connect(DATABASE);
    const collector = await installation.collector('collector-1', { 'spool-bytes-max': SPOOL_BYTES_MAX });
    const enricher = await installation.enricher('enricher-1', { 'clickhouse-database': DATABASE });
    collector.start();
    enricher.start();
    while (!((await collector.ready()) && (await enricher.ready()))) await sleep(POLL_MS);
    const stream = await startStream({ udpPort: collector.udpPort, protocol: PROTOCOL, rate, seed });
    await sleep(smoke ? SMOKE_WARM_UP_MS : WARM_UP_MS);

    const [broker] = installation.kafka.nodes;
    await broker!.kill();
    const awayAt = performance.now();
    const rss: number[] = [];
    while (performance.now() - awayAt < minutes * 60_000) {
      await sleep(POLL_MS);
      rss.push(rssMiB(collector.pid()!));
    }
    await broker!.start();
    const backMs = Date.now();
    const sentBefore = stream.ledger.flows;
    const catchUp = await caughtUp(installation, collector, enricher, backMs);
    const arrivedPerS = (stream.ledger.flows - sentBefore) / catchUp.storedS;
    const rssAfter = rssMiB(collector.pid()!);
    await stream.stop();
    await drained(installation, collector);
    const counters = await collector.metrics();
    const lost = {
      refused: counters!.sum('encoder_rows_refused_total', 'kind="flows"'),
      dropped: counters!.sum('collector_rows_dropped_total'),
      kernel: counters!.sum('collector_kernel_drops_total'),
    };
    const { twice, invented, missing } = await storedNumbers(storage, PROTOCOL, stream.ledger.flows);

    const third = Math.max(1, Math.floor(rss.length / 3));
    const early = Math.max(...rss.slice(0, third));
    const late = Math.max(...rss.slice(-third));
    const sentRatio = catchUp.sentRows / catchUp.sentS / arrivedPerS;
    const storedRatio = catchUp.storedRows / catchUp.storedS / arrivedPerS;
    const failures: string[] = [];
    if (missing.size > 0)
      failures.push(`${missing.size} flows are not stored; counted: ${JSON.stringify(lost)} (kernel: datagrams)`);
    if (twice > 0) failures.push(`${twice} flows are stored more than once`);
    if (invented > 0) failures.push(`${invented} flows were never sent`);
    if (!smoke && late - early > GROWTH_MIB_MAX)
      failures.push(`the collector grew from ${early.toFixed(0)} to ${late.toFixed(0)} MiB`);
    if (!smoke && storedRatio < CATCH_UP_MIN)
      failures.push(
        `the backlog was stored at ${storedRatio.toFixed(1)} times the rate of arrival, ${CATCH_UP_MIN} are promised`,
      );
    keep = failures.length > 0;
    return {
      name: 'outage',
      about: `Kafka away for ${minutes} min under ${rate} flows/s (${PROTOCOL}) into one collector; one enricher, broker, ClickHouse and generator on the same machine. Catch-up counts what is new as well: rows a second over flows arriving a second, until all that was received before the return was in Kafka, and until it was in ClickHouse.`,
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
      rows: [
        [
          String(stream.ledger.flows),
          String(missing.size),
          String(twice),
          early.toFixed(0),
          late.toFixed(0),
          rssAfter.toFixed(0),
          arrivedPerS.toFixed(0),
          catchUp.sentS.toFixed(1),
          sentRatio.toFixed(1),
          catchUp.storedS.toFixed(1),
          storedRatio.toFixed(1),
        ],
      ],
      failures,
    };
  } finally {
    await installation.close(keep);
  }
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
