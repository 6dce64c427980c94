// Which applications to migrate together, in which order, and what the link between the old and the new site must carry
// meanwhile. docs/PLANNING.md states how waves are found and what stays unknown.

import { type Static, Type } from 'typebox';
import { planWaves, WAVES_MAX } from '../../analysis/planning/waves.ts';
import type { SeenInWindow } from '../../schemas/coverage.ts';
import { rightForColumns } from '../access/rights.ts';
import { about, closed, estimate, NullableNumber, Sum } from '../answers/answers.ts';
import type { FlatRow } from '../http/format-table.ts';
import { HttpProblem, refuse } from '../http/problem.ts';
import { pairOf } from '../sql/dimensions.ts';
import { estimateOf, NO_SUMS } from '../sql/metrics-sql.ts';
import { queryTables, type Rows } from '../sql/tables.ts';
import { conditionOf, nameValues } from '../sql/values.ts';
import { parseRequestedWindow } from '../sql/window.ts';
import { COVERAGE_MS_MAX, coverageOfCells, requestMembers } from './advisor.ts';
import { aboutWindow, observedOf } from './grouped.ts';
import { filter, format, Limit, windowFrom } from './parameters.ts';
import { isCovered, pastOf } from './past.ts';
import { provisionalIn } from './provisional.ts';
import { defineQuestion, type QuestionContext } from './question.ts';
import { readSeen, seenWindow } from './seen-exporters.ts';
import { type Apps, appsOf, graphOfApps, unseenBetween } from './wave-apps.ts';
import {
  APP_PAIRS_MAX,
  type AppPairRow,
  type Assigned,
  appPairsStatement,
  type BoundaryRow,
  boundariesStatement,
  WAVE_COLUMNS,
  WAYS,
  type Way,
} from './wave-traffic.ts';

const WAVES_WANTED = 4;
/** Nodes of the inventory read for their VMs. */
const MEMBERS_MAX = 100_000;

const Parameters = Type.Object(
  {
    ...windowFrom('now-7d', 'start of the traffic that is looked at'),
    waves: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: WAVES_MAX,
        description: `waves at most; ${WAVES_WANTED} unless waveVms is stated, then as many as needed`,
        examples: [6],
      }),
    ),
    waveVms: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        description:
          'running VMs of a wave at most; needs an inventory. Left out: a quarter more than the mean of the waves, or what the largest application has',
      }),
    ),
    capacity: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: 1e18,
        description: 'bit/s of the link between the sites, each way: says which boundaries are beyond it',
        examples: [1e9],
      }),
    ),
    filter,
    limit: Limit(100, 300, 'applications planned, those that exchange most with others; the others are in no wave'),
    format,
  },
  closed,
);
type Parameters = Static<typeof Parameters>;

const Direction = Type.Object(
  {
    average: Type.Object(estimate, { ...closed, description: 'bit/s' }),
    p95: Type.Object(estimate, {
      ...closed,
      description: 'bit/s, of the five-minute buckets of all that crosses together; null with fewer than 20',
    }),
  },
  closed,
);
const Application = Type.Object(
  {
    key: Type.String(),
    name: Type.String(),
    vms: NullableNumber('running VMs by inventory; null without one, and of what it has no VM of'),
    bytes: Sum('exchanged with the other applications planned'),
  },
  closed,
);
const Wave = Type.Object(
  {
    applications: Type.Array(Application, { description: 'those that exchange most with others first' }),
    vms: NullableNumber('running VMs, those of unknown applications left out; null without inventory'),
    bytes: Sum('crossing between the sites once this wave has moved, both ways, of the window'),
    fromMoved: Direction,
    toMoved: Direction,
    elsewhere: Type.Object(
      { ...Direction.properties },
      {
        ...closed,
        description:
          'between what has moved and ends that are in no wave: outside, not classified, or beyond the limit. It comes on top as far as these stay at the old site, which is not known',
      },
    ),
    beyondCapacity: Type.Unsafe<boolean | null>({
      type: ['boolean', 'null'],
      description:
        'the p95 of one way, where there is none the average, is beyond capacity; null without capacity or value',
    }),
    coverage: NullableNumber(
      'of the pairs of running VMs across the boundary, the share with a live canonical point; what the others exchange is in no figure. null where it is not known',
    ),
    invisiblePairs: NullableNumber('the ordered pairs of VMs without one'),
  },
  closed,
);

export const WavesAnswer = Type.Object(
  {
    ...about,
    waves: Type.Array(Wave, { description: 'in their order; after the last one nothing crosses any more' }),
    cost: NullableNumber(
      'bytes of the window across all boundaries: the figure that the plan keeps low; null where nothing is known',
    ),
    waveVms: NullableNumber('largest wave, in running VMs; null without inventory'),
    total: NullableNumber('bytes between the applications planned; null where nothing is known of the window'),
    beyondLimit: Type.Object(
      { applications: Type.Integer(), bytes: Sum('exchanged with the applications planned and among themselves') },
      { ...closed, description: 'applications with traffic that are in no wave' },
    ),
    silent: Type.Union([Type.Object({ applications: Type.Integer(), vms: Type.Integer() }, closed), Type.Null()], {
      description:
        'applications of the inventory without any traffic in the window: they may move with any wave, if the window shows all of what they do. null without an inventory, where the window is not covered all the time, and where more pairs of applications exchange something than are read',
    }),
    warnings: Type.Array(Type.String()),
  },
  closed,
);
export type WavesAnswer = Static<typeof WavesAnswer>;
type Wave = Static<typeof Wave>;

export const waves = defineQuestion({
  name: 'waves',
  right: rightForColumns,
  summary: 'Groups of applications to migrate together, and what crosses between the sites meanwhile',
  parameters: Parameters,
  answer: WavesAnswer,
  table: () => ({ kinds: KINDS, keys: ['applicationKey', 'application'] }),
  async respond(params, context) {
    const { storage, advisor, config, nowMs } = context;
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const condition = await conditionOf(storage, params.filter);
    const needs = { requested, layer: 'l3', columns: WAVE_COLUMNS, condition } as const;
    const pairs = await queryTables<AppPairRow>(storage, { ...needs, metric: 'p95Bps' }, nowMs, appPairsStatement);
    const seenIn = await readSeen(storage, seenWindow(pairs, nowMs));
    const members = await requestMembers(advisor, seenIn, MEMBERS_MAX);
    const apps = appsOf(pairs.rows, members, params.limit);
    const plan = planOf(params, apps, await namesOf(context, apps));
    const assigned = assignedOf(apps, plan.waveOf);
    const read = (metric: 'avgBps' | 'p95Bps') =>
      queryTables<BoundaryRow>(storage, { ...needs, metric }, nowMs, tables =>
        boundariesStatement(assigned, metric, tables),
      );
    const [averages, ranks, coverage, provisional] = await Promise.all([
      read('avgBps'),
      read('p95Bps'),
      coverageOf(context, apps, plan.waveOf, seenIn),
      provisionalIn(storage, pairs.window),
    ]);
    const hasAll = isCovered(pastOf(pairs, nowMs), pairs.window.fromS);
    const waves = shapeWaves({ params, apps, plan, averages, ranks, coverage });
    const about = aboutWindow(ranks, { metric: 'p95Bps', layer: 'l3', provisional, config, nowMs });
    return {
      answer: { ...about, waves, ...summaryOf(apps, plan, waves, pairs, hasAll) },
      kinds: KINDS,
      rows: () => waves.flatMap(flatWave),
    };
  },
});

interface Plan {
  readonly waveOf: Uint8Array;
  readonly waves: number;
  readonly cost: number;
  readonly names: readonly string[];
}

async function namesOf({ storage }: QuestionContext, { planned }: Apps): Promise<string[]> {
  const [app] = pairOf('by', 'app');
  const name = await nameValues(
    storage,
    planned.map(({ raw }) => [app, raw] as const),
  );
  return planned.map(({ raw }) => name(app, raw).name);
}

/** Refuses what no plan can keep. */
function planOf({ waves, waveVms }: Parameters, apps: Apps, names: readonly string[]): Plan {
  const { planned } = apps;
  if (planned.length === 0) return { waveOf: new Uint8Array(0), waves: 0, cost: 0, names };
  if (waveVms !== undefined && !apps.isMeasured)
    throw new HttpProblem(
      409,
      'inventory-missing',
      'no inventory says how many VMs an application has; leave out waveVms, or send the request to a process that holds the inventory',
    );
  const sizes = planned.map(({ vms }) => (apps.isMeasured ? (vms ?? 0) : 1));
  const largest = sizes.reduce((best, size, i) => (size > sizes[best]! ? i : best), 0);
  if (waveVms !== undefined && sizes[largest]! > waveVms)
    refuse('waveVms', `"${names[largest]}" alone has ${sizes[largest]} VMs; state at least that many`);
  const wanted = waves ?? (waveVms === undefined ? WAVES_WANTED : undefined);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const graph = graphOfApps(apps);
  // As few waves as hold all of it; packing may need some more.
  const counts = wanted === undefined ? fewest(total, waveVms!) : [wanted];
  for (const count of counts) {
    const plan = planWaves(graph, sizes, { waves: count, ...(waveVms !== undefined && { sizeMax: waveVms }) });
    if (plan) return { ...plan, names };
  }
  return refuse(
    'waveVms',
    `${total} VMs do not fit into ${wanted ?? WAVES_MAX} waves of ${waveVms}; state more of either`,
  );
}

function fewest(total: number, waveVms: number): number[] {
  const least = Math.max(1, Math.ceil(total / waveVms));
  return Array.from({ length: Math.max(0, WAVES_MAX - least + 1) }, (_, i) => least + i);
}

function assignedOf({ planned }: Apps, waveOf: Uint8Array): Assigned {
  const waves = Array.from(waveOf, wave => wave + 1);
  return { apps: planned.map(({ raw }) => raw), waves, count: Math.max(0, ...waves) };
}

/** Shares of the pairs of VMs of each two applications in different waves, as far as the inventory knows them. */
async function coverageOf({ advisor }: QuestionContext, { planned }: Apps, waveOf: Uint8Array, seenIn: SeenInWindow) {
  const cells = planned.flatMap((src, a) =>
    planned.flatMap((dst, b) =>
      waveOf[a] !== waveOf[b] && src.vms !== null && dst.vms !== null ? [{ src, dst, a, b }] : [],
    ),
  );
  const report = await coverageOfCells(advisor, 'app', seenIn, cells, COVERAGE_MS_MAX);
  return cells.map(({ a, b }, i) => ({ a, b, share: report.cells[i] ?? null }));
}

interface Measured {
  readonly params: Parameters;
  readonly apps: Apps;
  readonly plan: Plan;
  readonly averages: Rows<BoundaryRow>;
  readonly ranks: Rows<BoundaryRow>;
  readonly coverage: Awaited<ReturnType<typeof coverageOf>>;
}

function shapeWaves({ params, apps, plan, averages, ranks, coverage }: Measured): Wave[] {
  const rowOf = ({ rows }: Rows<BoundaryRow>, moved: number, way: Way) =>
    rows.find(row => Number(row.moved) === moved && Number(row.way) === WAYS.indexOf(way)) ?? NO_SUMS;
  const directionOf = (moved: number, way: Way) => ({
    average: estimateOf(rowOf(averages, moved, way), 'avgBps', observedOf(averages)),
    p95: estimateOf(rowOf(ranks, moved, way), 'p95Bps', observedOf(ranks)),
  });
  return Array.from({ length: plan.waves }, (_, wave) => {
    const moved = wave + 1;
    const own = apps.planned.flatMap((app, i) => (plan.waveOf[i] === wave ? [{ ...app, name: plan.names[i]! }] : []));
    const [fromMoved, toMoved] = [directionOf(moved, 'fromMoved'), directionOf(moved, 'toMoved')];
    const bytes = [rowOf(ranks, moved, 'fromMoved'), rowOf(ranks, moved, 'toMoved')];
    return {
      applications: own.map(({ key, name, vms, bytes }) => ({ key, name, vms, bytes })),
      vms: apps.isMeasured ? own.reduce((sum, { vms }) => sum + (vms ?? 0), 0) : null,
      bytes: bytes.reduce((sum, row) => sum + Number(row.bytes), 0),
      ...{ fromMoved, toMoved, elsewhere: directionOf(moved, 'elsewhere') },
      beyondCapacity: isBeyond([fromMoved, toMoved], params.capacity),
      ...unseenBetween(coverage, apps, ({ a, b }) => plan.waveOf[a]! < moved !== plan.waveOf[b]! < moved),
    };
  });
}

function isBeyond(ways: readonly Static<typeof Direction>[], capacity: number | undefined): boolean | null {
  const values = ways.map(({ average, p95 }) => p95.value ?? average.value);
  if (capacity === undefined || values.includes(null)) return null;
  return values.some(value => value! > capacity);
}

/** `hasAll`: whether all of the window is covered, as far as it is over. */
function summaryOf(
  apps: Apps,
  { cost }: Plan,
  waves: readonly Wave[],
  { rows, covered }: Rows<AppPairRow>,
  hasAll: boolean,
) {
  const unread = Number(rows[0]?.pairs ?? 0) - rows.length;
  const isDark = apps.planned.length === 0 && covered?.bounds === undefined;
  const warnings: string[] = [];
  if (isDark)
    warnings.push(
      'the traffic of the window is not known: no collector was receiving, or nothing of it is stored yet; choose another window',
    );
  else if (!hasAll)
    warnings.push(
      'the window is not covered all the time, so it is not known which applications have no traffic; choose one in which collectors were receiving',
    );
  if (apps.planned.length === 0 && !isDark)
    warnings.push('no two applications exchanged anything in the window; choose an earlier from');
  if (!apps.isMeasured)
    warnings.push(
      'no inventory says how many VMs an application has: each counts as one, and what nobody sees is not known',
    );
  if (unread > 0)
    warnings.push(
      `of ${rows[0]!.pairs} pairs of applications the ${APP_PAIRS_MAX} largest are planned by, so it is not known which applications have no traffic`,
    );
  return {
    cost: isDark ? null : cost,
    waveVms: apps.isMeasured && waves.length > 0 ? Math.max(...waves.map(({ vms }) => vms ?? 0)) : null,
    total: isDark ? null : apps.total,
    beyondLimit: apps.beyondLimit,
    silent: hasAll && unread === 0 ? apps.silent : null,
    warnings,
  };
}

const KINDS = {
  wave: 'number',
  applicationKey: 'text',
  application: 'text',
  vms: 'number',
  bytes: 'number',
  boundaryBytes: 'number',
  fromMovedBps: 'number',
  fromMovedP95Bps: 'number',
  toMovedBps: 'number',
  toMovedP95Bps: 'number',
  coverage: 'number',
} as const;

function flatWave({ applications, bytes: boundaryBytes, fromMoved, toMoved, coverage }: Wave, wave: number): FlatRow[] {
  return applications.map(({ key, name, vms, bytes }) => ({
    ...{ wave: wave + 1, applicationKey: key, application: name, vms, bytes, boundaryBytes },
    ...{ fromMovedBps: fromMoved.average.value, fromMovedP95Bps: fromMoved.p95.value },
    ...{ toMovedBps: toMoved.average.value, toMovedP95Bps: toMoved.p95.value, coverage },
  }));
}
