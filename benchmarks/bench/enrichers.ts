// `bench enrichers`: one enricher, then two, then one again, on the same numbered load: rows stored per second of CPU of
// the enrichers, and whether adding and taking away one lost a flow or stored one twice.

import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../testing/spawned.ts';
import { type Installation, isStoredUpTo, openInstallation, PARTITIONS } from '../chaos/installation.ts';
import type { Service } from '../chaos/service.ts';
import { startStream } from '../chaos/stream.ts';
import { storedNumbers } from '../chaos/verdict.ts';
import type { Results } from './results.ts';

const DATABASE = 'enrichers';
const PROTOCOL = 'netflow9';
const SEED = 1;
const CHANGE_MS_MAX = 90_000;
const TICKS_PER_S = 100;

export async function benchEnrichers(smoke: boolean): Promise<Results> {
  const rate = smoke ? 2000 : 40_000;
  const seconds = smoke ? 3 : 30;
  const installation = await openInstallation();
  let keep = true;
  try {
    const storage = installation.connect(DATABASE);
    const collector = await installation.collector('collector-1');
    const [first, second] = await Promise.all(
      [1, 2].map(number => installation.enricher(`enricher-${number}`, { 'clickhouse-database': DATABASE })),
    );
    collector.start();
    first!.start();
    await until(
      async () => (await collector.ready()) && (await first!.ready()),
      CHANGE_MS_MAX,
      'collector and enricher ready',
    );
    const stream = await startStream({ udpPort: collector.udpPort, protocol: PROTOCOL, rate, seed: SEED });
    const phases: { name: string; rows: number; cpuS: number }[] = [];
    const phase = async (name: string, enrichers: readonly Service[]) => {
      const share = PARTITIONS / enrichers.length;
      await until(
        async () => (await partitionsOf(enrichers)).every(partitions => partitions === share),
        CHANGE_MS_MAX,
        `${share} partitions each`,
      );
      await caughtUp(installation);
      phases.push({ name, ...(await measure(enrichers, seconds)) });
    };
    await phase('one', [first!]);
    second!.start();
    await phase('two', [first!, second!]);
    await second!.end();
    await phase('one again', [first!]);
    await stream.stop();
    await sleep(2000);
    await until(async () => collector.spooledAt().length === 0, CHANGE_MS_MAX, 'the spool empty');
    await caughtUp(installation);
    const { missing, twice } = await storedNumbers(storage, PROTOCOL, stream.ledger.flows);
    const failures = [
      ...(missing.size > 0 ? [`${missing.size} flows are not stored`] : []),
      ...(twice > 0 ? [`${twice} flows are stored more than once`] : []),
    ];
    keep = failures.length > 0;
    const [alone] = phases;
    return {
      name: 'enrichers',
      about: `${rate} flows/s (${PROTOCOL}) through one collector and Kafka; enrichers join and leave meanwhile. Work: rows stored per second of CPU of the enrichers, ClickHouse's own not counted. Of ${stream.ledger.flows} flows ${missing.size} lost, ${twice} stored twice.`,
      columns: ['enrichers', 'rows stored', 'CPU s', 'rows a CPU second', 'of one alone'],
      rows: phases.map(({ name, rows, cpuS }) => [
        name,
        String(rows),
        cpuS.toFixed(2),
        (rows / cpuS).toFixed(0),
        (rows / cpuS / (alone!.rows / alone!.cpuS)).toFixed(2),
      ]),
      failures,
    };
  } finally {
    await installation.close(keep);
  }
}

function partitionsOf(enrichers: readonly Service[]): Promise<number[]> {
  return Promise.all(enrichers.map(async enricher => (await enricher.metrics())?.sum('kafka_partitions') ?? 0));
}

/** Until all that Kafka has now is stored. */
async function caughtUp(installation: Installation): Promise<void> {
  let ends: readonly number[] | undefined;
  await until(
    async () => {
      const progress = await installation.progress();
      ends ??= progress?.ends;
      return ends !== undefined && isStoredUpTo(ends, progress);
    },
    CHANGE_MS_MAX,
    'every batch stored',
  );
}

async function measure(enrichers: readonly Service[], seconds: number): Promise<{ rows: number; cpuS: number }> {
  const read = async () => {
    const rows = await Promise.all(
      enrichers.map(async enricher => (await enricher.metrics())!.sum('enricher_rows_stored_total')),
    );
    const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
    return { rows: sum(rows), cpuS: sum(enrichers.map(enricher => cpuSecondsOf(enricher.pid()!))) };
  };
  const before = await read();
  await sleep(seconds * 1000);
  const after = await read();
  return { rows: after.rows - before.rows, cpuS: after.cpuS - before.cpuS };
}

function cpuSecondsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_S;
}
