// `bench hostile`: ten million random and mutated datagrams at a running Hairpin, through every kind of batch into
// ClickHouse, and floods of a hundred thousand of what its tables hold, beside exporters whose flows are numbered. No batch
// may go to quarantine, every numbered flow is stored once, and memory does not grow once tables are full. Mutants are of the datagrams of `bench decode` and of the corpus where it
// is there; they come from a few addresses of their own, to a port of their own, so that a full socket buffer of theirs
// costs no numbered flow.

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { startTestServer } from '../../testing/clickhouse.ts';
import { corpusThere } from '../../testing/corpus/folder.ts';
import { freeUdpPort, type RunningHairpin, startHairpin, until } from '../../testing/spawned.ts';
import { startStream } from '../chaos/stream.ts';
import { type StoredNumbers, storedNumbers } from '../chaos/verdict.ts';
import { pace } from '../load/pace.ts';
import { createMutants, FLOODS, type NextDatagram, type Source, withEnds } from './fuzz-inputs.ts';
import { captureFiles, seedsOf } from './mutant-seeds.ts';
import type { Results } from './results.ts';

const MUTANTS = 'mutants';
/** Floods from one address; those that forge many need a network, and `bench fuzz` has them. */
const FLOODED = ['templates', 'domains', 'unknown', 'options', 'stations', 'agents'] as const;
const SMOKE_RUNS = [MUTANTS, 'stations'] as const;
const DATAGRAMS = { mutants: 10_000_000, flood: 100_000 } as const;
const SMOKE_DATAGRAMS = 10_000;
const DATAGRAMS_PER_S = 20_000;
const HONEST_RATE = 500;
const PROTOCOL = 'netflow9';
const SOURCES = ['127.0.66.1', '127.0.66.2', '127.0.66.3', '127.0.66.4'] as const;
const MUTANTS_SEED = 20200101;
const DATABASE = 'hostile';
/**
 * Shares of the datagrams: until where ends of flows fill their tables, which mutants do in eight million; and after that two
 * parts, the highest memory of which is compared.
 */
const FILL = 0.3;
const [WARM_UP, COMPARED] = [0.4, 0.7];
/** A table that grows as it did would gain more than this between the middles of the two parts. */
const GROWTH_MAX = 1.06;
const LOOK_EVERY_MS = 2000;
const DRAIN_MS_MAX = 120_000;
const MiB = 1024;
const KINDS = ['flows', 'exporters', 'facts', 'interfaces'] as const;

interface Hostile {
  readonly name: string;
  readonly datagrams: number;
  readonly elapsedS: number;
  readonly sent: number;
  readonly stored: StoredNumbers;
  readonly batches: ReadonlyMap<string, { readonly stored: number; readonly quarantined: number }>;
  /** Most MiB resident once tables are full, until COMPARED of the datagrams and after that. */
  readonly memoryBefore: number;
  readonly memoryAfter: number;
}

export async function benchHostile(smoke: boolean): Promise<Results> {
  const measured: Hostile[] = [];
  for (const name of smoke ? SMOKE_RUNS : [MUTANTS, ...FLOODED]) {
    const datagrams = name === MUTANTS ? DATAGRAMS.mutants : DATAGRAMS.flood;
    measured.push(await measure(name, smoke ? SMOKE_DATAGRAMS : datagrams));
  }
  return {
    name: 'hostile',
    about: `Hostile datagrams at a running Hairpin, ${DATAGRAMS_PER_S.toLocaleString('en')} a second from ${SOURCES.length} addresses, beside ${HONEST_RATE} numbered flows a second (${PROTOCOL}). ${corpusThere ? 'Mutants are of built-in datagrams and of the corpus' : 'Mutants are of built-in datagrams only'}. Memory: most that was resident, ClickHouse apart, from ${WARM_UP} to ${COMPARED} of the way and from there on.`,
    columns: [
      'datagrams of',
      'number',
      'seconds',
      'numbered flows sent',
      'lost',
      'twice',
      ...KINDS.map(kind => `${kind}: stored / in quarantine`),
      'memory MiB',
    ],
    rows: measured.map(rowOf),
    failures: measured.flatMap(one => failuresOf(one, smoke)),
  };
}

function rowOf({ name, datagrams, elapsedS, sent, stored, batches, memoryBefore, memoryAfter }: Hostile): string[] {
  return [
    name === MUTANTS ? 'random and mutated' : FLOODS[name]!.about,
    datagrams.toLocaleString('en'),
    elapsedS.toFixed(0),
    sent.toLocaleString('en'),
    String(stored.missing.size),
    String(stored.twice),
    ...KINDS.map(kind => `${batches.get(kind)!.stored} / ${batches.get(kind)!.quarantined}`),
    `${memoryBefore.toFixed(0)} / ${memoryAfter.toFixed(0)}`,
  ];
}

function failuresOf({ name, stored, batches, memoryBefore, memoryAfter }: Hostile, smoke: boolean): string[] {
  const failures: string[] = [];
  if (stored.missing.size > 0) failures.push(`${stored.missing.size} numbered flows are not stored`);
  if (stored.twice > 0) failures.push(`${stored.twice} numbered flows are stored twice`);
  for (const [kind, { stored: held, quarantined }] of batches) {
    if (quarantined > 0) failures.push(`${quarantined} batches of ${kind} went to quarantine`);
    // Only mutants hold every kind, and a short run may be over before the first minute of interfaces is.
    if (held === 0 && !smoke && name === MUTANTS) failures.push(`no batch of ${kind} was made`);
  }
  if (!smoke && name === MUTANTS && memoryAfter > memoryBefore * GROWTH_MAX)
    failures.push(`memory grew from ${memoryBefore.toFixed(0)} to ${memoryAfter.toFixed(0)} MiB`);
  return failures.map(failure => `${name}: ${failure}`);
}

/** ClickHouse apart, so that it can be asked for the numbers. */
async function measure(name: string, datagrams: number): Promise<Hostile> {
  const server = await startTestServer();
  try {
    const [honestPort, hostilePort] = [await freeUdpPort(), await freeUdpPort()];
    const { url, user, password } = server.address;
    const connection = ['--clickhouse', url, '--clickhouse-user', user, '--clickhouse-password', password];
    const args = [...connection, '--clickhouse-database', DATABASE, '--udp', `${honestPort},${hostilePort}`];
    const hairpin = await startHairpin({ udpPort: honestPort, args });
    try {
      const next = name === MUTANTS ? mutants(datagrams) : FLOODS[name]!.next(0);
      const flood = await attack(hairpin, { honestPort, hostilePort, datagrams, next });
      const stored = await storedNumbers(server.connect(DATABASE), PROTOCOL, flood.sent, notFrom(SOURCES));
      const counted = await Promise.all(KINDS.map(async kind => [kind, await batchesOf(hairpin, kind)] as const));
      return { name, datagrams, ...flood, stored, batches: new Map(counted) };
    } finally {
      await hairpin.stop();
    }
  } finally {
    await server.close();
  }
}

const mutants = (datagrams: number) => withEnds(createMutants(seedsOf(captureFiles()), MUTANTS_SEED), FILL * datagrams);

interface Attack {
  readonly honestPort: number;
  readonly hostilePort: number;
  readonly datagrams: number;
  readonly next: NextDatagram;
}

async function attack(hairpin: RunningHairpin, { honestPort, hostilePort, datagrams, next }: Attack) {
  const sockets = await Promise.all(SOURCES.map(boundTo));
  const stream = await startStream({ udpPort: honestPort, protocol: PROTOCOL, rate: HONEST_RATE, seed: 1 });
  // Known before the flood, as an exporter that has been there for a while is.
  await until(async () => (await hairpin.metric('enricher_rows_stored_total')) > HONEST_RATE, DRAIN_MS_MAX);
  let sent = 0;
  const memory = watchMemory(hairpin, () => sent / datagrams);
  const elapsedMs = await pace({
    ratePerS: () => DATAGRAMS_PER_S,
    seconds: (datagrams / DATAGRAMS_PER_S) * 4,
    signal: memory.signal,
    work: sender(sockets, hostilePort, next, count => {
      sent += count;
      if (sent >= datagrams) memory.end();
    }),
  });
  await stream.stop();
  const { flows } = stream.ledger;
  await settled(hairpin);
  for (const socket of sockets) socket.close();
  const { before, after } = await memory.watched;
  return { elapsedS: elapsedMs / 1000, sent: flows, memoryBefore: before, memoryAfter: after };
}

async function boundTo(address: string): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  return socket;
}

/** Sends from one socket after the other. */
function sender(sockets: readonly Socket[], port: number, next: NextDatagram, onSent: (count: number) => void) {
  const source: Source = { address: '', port: 0 };
  let turn = 0;
  return (count: number) => {
    for (let i = 0; i < count; i++) {
      // The buffer is the generator's, and a datagram that waits would change under way.
      const datagram = Uint8Array.from(next(source));
      sockets[turn++ % sockets.length]!.send(datagram, port, '127.0.0.1');
    }
    onSent(count);
    return count;
  };
}

/** Looks at the memory until `end`. */
function watchMemory(hairpin: RunningHairpin, progress: () => number) {
  const ended = new AbortController();
  const { signal } = ended;
  const watch = async () => {
    let [before, after] = [0, 0];
    while (!signal.aborted) {
      await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
      const memory = residentMiB(hairpin.process.pid!);
      if (progress() >= COMPARED) after = Math.max(after, memory);
      else if (progress() >= WARM_UP) before = Math.max(before, memory);
    }
    return { before, after };
  };
  return { signal, watched: watch(), end: () => ended.abort() };
}

function residentMiB(pid: number): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / MiB;
}

/** Until what came in is stored, and nothing more comes. */
async function settled(hairpin: RunningHairpin): Promise<void> {
  let before = -1;
  await until(
    async () => {
      await sleep(LOOK_EVERY_MS);
      const stored = await hairpin.metric('enricher_rows_stored_total');
      const isStill = stored === before && stored === (await hairpin.metric('enricher_rows_in_total'));
      before = stored;
      return isStill;
    },
    DRAIN_MS_MAX,
    'everything stored',
  );
}

async function batchesOf(hairpin: RunningHairpin, kind: string): Promise<{ stored: number; quarantined: number }> {
  const metrics = await (await fetch(`${hairpin.api}/metrics`)).text();
  const of = (outcome: string) =>
    metrics
      .split('\n')
      .filter(line => line.startsWith('hairpin_enricher_batches_total{'))
      .filter(line => line.includes(`kind="${kind}"`) && line.includes(`outcome="${outcome}"`))
      .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0);
  return { stored: of('stored'), quarantined: of('quarantined') };
}

/** SQL over columns of `flows`. */
function notFrom(addresses: readonly string[]): string {
  return `toString(exporter) NOT IN (${addresses.flatMap(address => [`'${address}'`, `'::ffff:${address}'`]).join(', ')})`;
}
