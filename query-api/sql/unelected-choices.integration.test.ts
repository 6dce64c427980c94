// Random unelected traffic, counted by the API and by plain arithmetic over the records; and the bound of what is passed.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { createRandom, type Random } from '../../benchmarks/random.ts';
import { COUNT_REASON } from '../../schemas/codes.ts';
import { createLog } from '../../service/log.ts';
import { ScheduledRollup } from '../../storage/rollup/scheduled-rollup.ts';
import { INTERFACE_SQL, SOURCE_SQL } from '../../storage/tables/elections.ts';
import { EVERY_SOURCE, insertLearned, type Learned } from '../../storage/tables/learned-interfaces.ts';
import { startTestServer, type TestServer } from '../../testing/clickhouse.ts';
import { flow } from '../../testing/data/stored-rows.ts';
import { createQueryHouse, type QueryHouse } from '../../testing/query-house.ts';
import type { TopAnswer } from '../questions/top.ts';
import { type ChoiceWindow, chooseUnelected } from './unelected-choices.ts';

const HOUR_MS = 3_600_000;
const NOW = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 60_000;
const FROM = NOW - 40 * 60_000;

let server: TestServer;
beforeAll(async () => {
  server = await startTestServer();
});
afterAll(() => server?.close());

/** An unsampled record of one moment; a meter is an exporter, an interface one of its ports. */
interface Seen {
  readonly sender: number;
  readonly pair: string;
  readonly exporter: number;
  readonly port: number;
  readonly fromMac: number;
  readonly toMac: number;
  readonly bytes: number;
  readonly atMs: number;
}

interface Known {
  /** Undefined: of all senders. */
  readonly sender: number | undefined;
  readonly sinceS: number;
  readonly counted: readonly string[];
  readonly repeated: readonly string[];
}

const interfaceOf = ({ exporter, port }: Pick<Seen, 'exporter' | 'port'>) => `${exporter}.${port}`;

function recordsOf(random: Random): Seen[] {
  return Array.from({ length: 60 }, () => {
    const [sender, receiver] = [random.below(3), random.below(4)];
    return {
      ...{ sender, pair: `${sender}-${receiver}`, exporter: random.below(3), port: random.below(2) },
      ...{ fromMac: random.below(3), toMac: random.below(3), bytes: 1 + random.below(1_000_000) },
      atMs: FROM + random.below(30) * 60_000,
    };
  });
}

/** Of each interface: it counts, repeats others, or is not known. */
function knownOf(random: Random, sender: number | undefined, sinceS: number): Known {
  const split = [0, 1, 2].flatMap(exporter =>
    [0, 1].map(port => ({ id: interfaceOf({ exporter, port }), kind: random.below(5) })),
  );
  const counted = split.filter(({ kind }, i) => kind < 2 || i === 0).map(({ id }) => id);
  return {
    sender,
    sinceS,
    counted,
    repeated: split.filter(({ id, kind }) => kind < 4 && !counted.includes(id)).map(({ id }) => id),
  };
}

type Verdict = 'unlearned' | 'counted' | 'repeated' | 'open';

function verdictOf(row: Seen, known: readonly Known[]): Verdict {
  const bucketS = Math.floor(row.atMs / 300_000) * 300;
  const last = (sender: number | undefined) =>
    known.filter(one => one.sender === sender && one.sinceS <= bucketS).sort((a, b) => b.sinceS - a.sinceS)[0];
  const found = last(row.sender) ?? last(undefined);
  if (!found) return 'unlearned';
  if (found.counted.includes(interfaceOf(row))) return 'counted';
  return found.repeated.includes(interfaceOf(row)) ? 'repeated' : 'open';
}

const sum = (rows: readonly Seen[]) => rows.reduce((total, { bytes }) => total + bytes, 0);

function groupBy<T>(rows: readonly T[], key: (row: T) => string): T[][] {
  return [...Map.groupBy(rows, key).values()];
}

/** What a meter counts, without what a router sent back, and what its surest interface saw. */
function meterOf(rows: readonly Seen[]) {
  const sent = new Set(rows.map(({ toMac }) => toMac));
  const back = rows.filter(({ fromMac }) => fromMac !== 0 && sent.has(fromMac));
  const once = rows.filter(row => !back.includes(row));
  return { rows: once.length > 0 ? once : rows, least: Math.max(...groupBy(rows, interfaceOf).map(sum)) };
}

/** The sum, how much of it may be too much, and how much may be missing. */
function expected(rows: readonly Seen[], known: readonly Known[]) {
  const total = { value: 0, less: 0, more: 0 };
  for (const pair of groupBy(rows, row => row.pair)) {
    const by = (verdict: Verdict) => pair.filter(row => verdictOf(row, known) === verdict);
    const counted = by('counted');
    total.value += sum(counted);
    total.more += sum(by('open'));
    // Nothing learned speaks of the pair, or every interface that counts missed it.
    const doubtful = by('unlearned').length > 0 ? by('unlearned') : counted.length > 0 ? [] : by('repeated');
    const read = [...by('unlearned'), ...(counted.length > 0 ? [] : by('repeated'))];
    const meters = groupBy(doubtful, ({ exporter }) => String(exporter)).map(meterOf);
    const chosen = meters.reduce((a, b) => (sum(b.rows) > sum(a.rows) ? b : a), {
      rows: [] as readonly Seen[],
      least: 0,
    });
    // Rows of the chosen meter that are not learned otherwise count with it; a router's are left out of all.
    total.value += sum(chosen.rows);
    total.more += sum(read) - sum(chosen.rows);
    total.less += Math.max(0, sum(chosen.rows) - Math.max(0, ...meters.map(({ least }) => least)));
  }
  return { value: total.value, ciLow: total.value - total.less, ciHigh: total.value + total.more };
}

async function houseOf(name: string, rows: readonly Seen[]): Promise<QueryHouse> {
  const flows = rows.map(({ sender, pair, exporter, port, fromMac, toMac, bytes, atMs }) =>
    flow({
      ...{ weight: 0, countReason: COUNT_REASON.unelected, exporter: `192.0.2.${exporter + 1}`, inIf: port + 1 },
      ...{ srcAddr: `10.0.0.${sender + 1}`, dstAddr: `10.0.1.${Number(pair.split('-')[1]) + 1}` },
      ...{ srcMac: fromMac, dstMac: toMac, bytes, flowEnd: atMs },
    }),
  );
  return createQueryHouse(server, name, { nowMs: NOW, flows, nodes: [] });
}

/** By the hashes that the records have. */
async function learn(house: QueryHouse, known: readonly Known[]): Promise<void> {
  // Aliases of other names than columns: the hashes are over columns.
  const rows = await house.storage.select<{ at: number; port: number; id: string; sender: number; hash: string }>(
    `SELECT DISTINCT toUInt8(splitByChar('.', toString(exporter))[-1]) - 1 AS at, toInt32(inIf) - 1 AS port, toString(${INTERFACE_SQL}) AS id,
      toUInt8(splitByChar('.', toString(srcAddr))[-1]) - 1 AS sender, toString(${SOURCE_SQL}) AS hash FROM flows`,
  );
  const ids = new Map(rows.map(({ at, port, id }) => [interfaceOf({ exporter: at, port }), id]));
  const hashed = (names: readonly string[]) => names.flatMap(name => ids.get(name) ?? []);
  const learned = known.map(({ sender, sinceS, counted, repeated }): Learned => {
    const source = sender === undefined ? EVERY_SOURCE : (rows.find(row => row.sender === sender)?.hash ?? '7');
    // An interface that no record names leaves a choice without any that counts, which would be none.
    return { source, sinceS, counted: [...hashed(counted), '9'], repeated: hashed(repeated) };
  });
  await insertLearned(house.storage, learned, NOW);
}

test.each([1, 2, 3, 4, 5, 6])(
  'random records are counted as by hand, seed %i',
  async seed => {
    const random = createRandom(seed);
    const rows = recordsOf(random);
    const known = [
      [],
      [knownOf(random, undefined, 0)],
      [knownOf(random, 0, 0), knownOf(random, 0, FROM / 1000 + 900), knownOf(random, 1, 0)],
    ][seed % 3]!;
    const house = await houseOf(`choices${seed}`, rows);
    await learn(house, known);
    const total = async () => (await house.answer<TopAnswer>('top', { from: 'now-1h' })).total;
    const wanted = expected(rows, known);
    const close = {
      value: wanted.value,
      ciLow: expect.closeTo(wanted.ciLow, 3),
      ciHigh: expect.closeTo(wanted.ciHigh, 3),
    };
    expect(await total()).toMatchObject(close);
    await new ScheduledRollup({ storage: house.storage, log: createLog('test', 'error') }).run(Date.now() + 600_000);
    expect(await total()).toMatchObject(close);
    await house.api.stop();
  },
  120_000,
);

test.each([false, true])(
  'beyond the bound the choice is made in the statement, and is the same; learned: %s',
  async isLearned => {
    const rows = recordsOf(createRandom(11));
    const house = await houseOf(`bound${isLearned}`, rows);
    if (isLearned)
      await learn(house, [{ sender: undefined, sinceS: 0, counted: ['0.0'], repeated: ['1.0', '1.1', '2.0'] }]);
    const window = { fromS: FROM / 1000 - 300, toS: NOW / 1000 + 300, resolutionS: 300 } as const;
    const reading: ChoiceWindow = { source: 'traffic', layer: 'l3', window, rolledUpUntilS: 0, isLearned };
    const read = async (choicesMax: number) => {
      const { sql, params } = await chooseUnelected(house.storage, reading, choicesMax);
      const bound = { windowFrom: window.fromS, windowTo: window.toS, rolledUpUntil: 0, ...params };
      return {
        passes: 'chosenPairs' in params,
        chosen: await house.storage.select(`SELECT * FROM (${sql}) ORDER BY pair`, bound),
      };
    };
    const few = await read(1000);
    const n = few.chosen.length;
    expect(n).toBeGreaterThan(2);
    expect(few.passes).toBe(true);
    expect(await read(n)).toEqual(few);
    expect(await read(n - 1)).toEqual({ passes: false, chosen: few.chosen });
    await house.api.stop();
  },
  120_000,
);
