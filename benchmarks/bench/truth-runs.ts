// Runs of one case, each with packets and samplers of its own, and what is answered of each before and after learning.
//
// Many runs lie side by side in one database, because most of the time of a small query is its analysis. Each has addresses,
// exporters and a service of its own. Queries choose by pair and by sender, so an answer by service has for each run what a
// run alone would have (truth-runs.integration.test.ts). Only what is learned of all senders together would mix them: here
// each run has a Learning of its own, which gets of the evidence of a round the part that is of its interfaces and senders.
// For the query after it, the choices of all senders become one list, because no two runs share an interface. Runs that never
// made such a choice are queried without it.

import type { TopAnswer } from '../../query-api/questions/top.ts';
import { keyToBigint, keyToHex, serviceKey } from '../../schemas/keys.ts';
import { createLog } from '../../service/log.ts';
import { type Evidence, readEvidence } from '../../storage/learning/evidence.ts';
import { LEARNING_BOUNDS, Learning } from '../../storage/learning/learning.ts';
import type { Storage } from '../../storage/storage.ts';
import { INTERFACE_SQL, SOURCE_SQL } from '../../storage/tables/elections.ts';
import { insertFlows } from '../../storage/tables/flows.ts';
import { EVERY_SOURCE, insertLearned, type Learned } from '../../storage/tables/learned-interfaces.ts';
import { encodeFlows, type FlowObject } from '../../testing/data/stored-rows.ts';
import type { QueryHouse } from '../../testing/query-house.ts';
import { insertReceiving } from '../../testing/receiving.ts';
import { type Case, runCase } from './truth-cases.ts';

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
/** Clocks of exporters are off by less than this. */
const AROUND_MS = 5 * MINUTE_MS;
export const MINUTES = 10;
export const PAIRS = 60;
export const KEYS = 4;
/** Rounds of learning, in minutes of traffic: one a minute would say the same. */
const ROUNDS = [6, 7, 8, 10];
/** Side by side: an octet of the addresses of exporters distinguishes them. */
const RUNS_MAX = 200;
/** Of the runs side by side. */
const ROWS_MAX = 3_000_000;
/** The evidence of all runs in one query; no run by itself reaches a bound of LEARNING_BOUNDS. */
const TOGETHER = {
  ...LEARNING_BOUNDS,
  sourcesMax: RUNS_MAX * PAIRS,
  interfacesMax: RUNS_MAX * 16,
  comparedMax: ROWS_MAX,
};
const INSERT_ROWS_MAX = 50_000;

export type Answered = Pick<TopAnswer['total'], 'value' | 'ciLow' | 'ciHigh' | 'samples' | 'method'>;

export interface Outcome {
  readonly seed: number;
  readonly before: Answered;
  readonly after: Answered;
  readonly truth: number;
  /** Minutes of traffic until a choice was stored; undefined when none was. */
  readonly learnedAfter: number | undefined;
}

/** Where a run lies beside others: each place has addresses and exporters of its own. */
export interface Run {
  readonly seed: number;
  readonly place: number;
}

/** The outcomes of a case for `seeds` seeds from `seed` on. The database of `house`, whose time is `nowMs`, is emptied. */
export async function measureSeeds(
  house: QueryHouse,
  given: Case,
  { seed, seeds, nowMs }: { readonly seed: number; readonly seeds: number; readonly nowMs: number },
): Promise<Outcome[]> {
  const { rows } = runCase(given, { fromMs: 0, minutes: MINUTES, pairs: PAIRS, keys: KEYS, seed, place: 0 });
  const atOnce = Math.max(1, Math.min(RUNS_MAX, Math.floor(ROWS_MAX / (1.2 * rows.length))));
  const outcomes: Outcome[] = [];
  for (let first = 0; first < seeds; first += atOnce) {
    const runs = Array.from({ length: Math.min(atOnce, seeds - first) }, (_, place) => ({
      seed: seed + first + place,
      place,
    }));
    outcomes.push(...(await measureRuns(house, given, runs, nowMs)));
  }
  return outcomes;
}

export async function measureRuns(
  house: QueryHouse,
  given: Case,
  runs: readonly Run[],
  nowMs: number,
): Promise<Outcome[]> {
  const { storage } = house;
  const fromMs = startOf(nowMs);
  const truths = await insertRuns(storage, given, runs, nowMs);
  const before = await answersOf(house, fromMs);
  const learned = await learnRuns(storage, runs, fromMs);
  const outcomes: Outcome[] = [];
  for (const ofAll of [true, false]) {
    const alike = runs.filter(({ place }) => learned.get(place)!.ofAll === ofAll);
    if (alike.length === 0) continue;
    await storage.command('TRUNCATE TABLE learned_interfaces');
    const rows = together(alike.flatMap(({ place }) => learned.get(place)!.rows));
    if (rows.length > 0) await insertLearned(storage, rows, nowMs);
    const after = await answersOf(house, fromMs);
    for (const { seed, place } of alike)
      outcomes.push({
        seed,
        truth: truths.get(place)!,
        before: before.get(place)!,
        after: after.get(place)!,
        learnedAfter: learned.get(place)!.after,
      });
  }
  return outcomes.sort((a, b) => a.seed - b.seed);
}

/** The same of one run by itself, with a Learning that reads and writes the database. */
export async function measureAlone(house: QueryHouse, given: Case, run: Run, nowMs: number): Promise<Outcome> {
  const { seed, place } = run;
  const { storage } = house;
  const fromMs = startOf(nowMs);
  const truth = (await insertRuns(storage, given, [run], nowMs)).get(place)!;
  const before = (await answersOf(house, fromMs)).get(place)!;
  const learning = new Learning({ storage, log: createLog('truth', 'error') });
  let learnedAfter: number | undefined;
  for (const minute of ROUNDS) if ((await learning.run(fromMs + minute * MINUTE_MS)) > 0) learnedAfter ??= minute;
  return { seed, truth, before, after: (await answersOf(house, fromMs)).get(place)!, learnedAfter };
}

const startOf = (nowMs: number) => Math.floor(nowMs / HOUR_MS) * HOUR_MS - HOUR_MS;

/** What names a run in answers. */
const serviceOf = (place: number) => serviceKey(6, place + 1, place + 1);

async function insertRuns(
  storage: Storage,
  given: Case,
  runs: readonly Run[],
  nowMs: number,
): Promise<Map<number, number>> {
  const fromMs = startOf(nowMs);
  for (const table of ['flows', 'learned_interfaces', 'collectors']) await storage.command(`TRUNCATE TABLE ${table}`);
  await insertReceiving(storage, fromMs - 2 * AROUND_MS, nowMs);
  const truths = new Map<number, number>();
  let waiting: FlowObject[] = [];
  const flush = async () => {
    const epoch = String(Date.now()).padStart(32, '0');
    await insertFlows(storage, encodeFlows(waiting), `flows.truth.0.${epoch}.${truths.size}`);
    waiting = [];
  };
  for (const { seed, place } of runs) {
    const { rows, truth } = runCase(given, { fromMs, minutes: MINUTES, pairs: PAIRS, keys: KEYS, seed, place });
    truths.set(place, truth);
    const service = keyToBigint(serviceOf(place));
    for (const row of rows) waiting.push({ ...row, service });
    if (waiting.length >= INSERT_ROWS_MAX) await flush();
  }
  if (waiting.length > 0) await flush();
  return truths;
}

async function answersOf(house: QueryHouse, fromMs: number): Promise<ReadonlyMap<number, Answered>> {
  const from = new Date(fromMs - AROUND_MS).toISOString();
  const to = new Date(fromMs + MINUTES * MINUTE_MS + AROUND_MS).toISOString();
  const { rows } = await house.answer<TopAnswer>('top', { from, to, by: 'service', limit: RUNS_MAX });
  const byService = new Map(rows.map(({ keys, share: _, ...answered }) => [keys[0]!.key, answered]));
  return new Map(
    Array.from({ length: RUNS_MAX }, (_, place) => [place, byService.get(keyToHex(serviceOf(place)))!] as const),
  );
}

interface RunLearned {
  readonly rows: readonly Learned[];
  readonly ofAll: boolean;
  readonly after: number | undefined;
}

/** Rounds of learning of each run, as if it were alone. */
async function learnRuns(
  storage: Storage,
  runs: readonly Run[],
  fromMs: number,
): Promise<ReadonlyMap<number, RunLearned>> {
  const owned = await storage.select<{ service: string; ids: string[] }>(
    `SELECT toString(service) AS service, groupUniqArrayArray([toString(${INTERFACE_SQL}), toString(${SOURCE_SQL})]) AS ids FROM flows GROUP BY service`,
  );
  const idsOf = new Map(owned.map(({ service, ids }) => [service, new Set(ids)]));
  const learners = runs.map(({ place }) => new Learner(idsOf.get(String(keyToBigint(serviceOf(place))))!));
  for (const minute of ROUNDS) {
    const toMs = fromMs + minute * MINUTE_MS;
    let found: ReturnType<typeof readEvidence> | undefined;
    const read: typeof readEvidence = (_, window) => {
      found ??= readEvidence(storage, window, TOGETHER);
      return found;
    };
    for (const learner of learners) await learner.round(read, toMs, minute);
  }
  return new Map(runs.map(({ place }, i) => [place, learners[i]!]));
}

/** A Learning that sees of all evidence what is of its own interfaces and senders, and stores in memory. */
class Learner implements RunLearned {
  after: number | undefined;
  readonly #ids: ReadonlySet<string>;
  readonly #stored = new Map<string, Learned>();
  readonly #learning: Learning;
  #read: typeof readEvidence | undefined;

  constructor(ids: ReadonlySet<string>) {
    this.#ids = ids;
    const read: typeof readEvidence = async (storage, window, bounds) => {
      const found = await this.#read!(storage, window, bounds);
      return found && { ...found, evidence: found.evidence.flatMap(one => this.#partOf(one)) };
    };
    this.#learning = new Learning({ storage: this.#memory(), log: createLog('truth', 'error'), read });
  }

  get rows(): readonly Learned[] {
    return [...this.#stored.values()];
  }

  get ofAll(): boolean {
    return this.#stored.has(EVERY_SOURCE);
  }

  async round(read: typeof readEvidence, nowMs: number, minute: number): Promise<void> {
    this.#read = read;
    if ((await this.#learning.run(nowMs)) > 0) this.after ??= minute;
  }

  #partOf({ source, interfaces, overlaps }: Evidence): Evidence[] {
    if (source !== EVERY_SOURCE && !this.#ids.has(source)) return [];
    const stored = this.#stored.get(source);
    return [
      {
        source,
        interfaces: interfaces.filter(({ id }) => this.#ids.has(id)),
        overlaps: overlaps.filter(({ of }) => this.#ids.has(of)),
        learned: stored && { ...stored, learnedAtMs: Number.POSITIVE_INFINITY },
      },
    ];
  }

  /** Holds the table of what was learned. */
  #memory(): Storage {
    return {
      select: async <T>() => [{ n: String(this.#stored.size) }] as T[],
      selectArrow: () => Promise.reject(new Error('not read')),
      command: () => Promise.reject(new Error('not commanded')),
      insert: async insert => {
        for (const row of (insert as unknown as { rows: (Learned & { since: string })[] }).rows) {
          if (!row.since.startsWith('1970-01-01')) throw new Error(`a choice was replaced within ${MINUTES} minutes`);
          const { source, counted, repeated } = row;
          this.#stored.set(source, { source, sinceS: 0, counted, repeated });
        }
      },
      replicated: false,
      shards: [],
    };
  }
}

/** The rows of senders, and one of all senders of all runs. */
function together(rows: readonly Learned[]): Learned[] {
  const [ofAll, senders] = [true, false].map(all => rows.filter(({ source }) => (source === EVERY_SOURCE) === all));
  if (ofAll!.length === 0) return senders!;
  const counted = ofAll!.flatMap(row => row.counted);
  const repeated = ofAll!.flatMap(row => row.repeated);
  return [...senders!, { source: EVERY_SOURCE, sinceS: 0, counted, repeated }];
}
