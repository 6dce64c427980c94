// How far a cell can be trusted: its interval and samples, what of the window is covered, which pairs are seen, what was lost, how
// old the inventory was, what was enriched again, whether the ports agree with their counters; as one verdict with its reasons.

import { type Static, Type } from 'typebox';
import type { Storage } from '../../storage/storage.ts';
import { rightForColumns } from '../access/rights.ts';
import { about, closed, estimate, NullableNumber, NullableTime } from '../answers/answers.ts';
import { metricOf } from '../answers/metric.ts';
import { axisOf, PAIR_NAMES, pairOf } from '../sql/dimensions.ts';
import { allOf, type Condition, checkedEquals, compileFilter } from '../sql/filter.ts';
import { estimateOf, NO_SUMS, type Sums } from '../sql/metrics-sql.ts';
import { queryTables, type Rows } from '../sql/tables.ts';
import { nodeResolver } from '../sql/values.ts';
import { parseRequestedWindow, type RequestedWindow } from '../sql/window.ts';
import { COVERAGE_MS_MAX } from './advisor.ts';
import { type ExporterRow, exportersStatement, lossRatioOf } from './exporters.ts';
import { aboutWindow, iso, observedOf } from './grouped.ts';
import { adjustForLoss } from './loss.ts';
import { leastOf, namedPairs, readPairCoverage } from './named-pairs.ts';
import { choice, format, metric, percentile, window } from './parameters.ts';
import { provisionalIn } from './provisional.ts';
import { defineQuestion, type QuestionContext } from './question.ts';
import { accountedOf } from './receipt.ts';
import { type PortRow, reconciliationStatement } from './reconciliation.ts';
import { seenWindow } from './seen-exporters.ts';
import { totalStatement } from './total.ts';
import { CHECKS, checksOf, type Evidence, VERDICTS, verdictOf } from './trust-checks.ts';
import { CELL_PORTS_MAX, portsOf, type RecordsRow, recordsStatement } from './trust-records.ts';

const End = (way: string) =>
  Type.String({
    minLength: 1,
    maxLength: 2000,
    description: `${way} of the cell: values of the dimension \`by\` as in filters, several joined by \`|\``,
    examples: ['web'],
  });

const Parameters = Type.Object(
  {
    ...window,
    by: choice(PAIR_NAMES, { default: 'app', description: 'the level of the cell' }),
    src: End('senders'),
    dst: End('receivers'),
    metric,
    percentile,
    format,
  },
  closed,
);

const Verdict = (description: string) => Type.Enum([...VERDICTS] as unknown as typeof VERDICTS, { description });

export const TrustAnswer = Type.Object(
  {
    ...about,
    by: Type.String(),
    verdict: Verdict(
      'the worst of the checks. sound: take it as it is; usable: right for planning, with its interval; doubtful: find the cause first; unknown: nothing can be said. Thresholds are in docs/PLANNING.md',
    ),
    reasons: Type.Array(Type.String(), { description: 'sentences of the checks that are not sound, the worst first' }),
    checks: Type.Array(
      Type.Object(
        {
          check: Type.Enum([...CHECKS] as unknown as typeof CHECKS),
          verdict: Verdict('of this check alone'),
          figure: NullableNumber('what was judged: a share, a ratio or seconds; null where it is not known'),
          reason: Type.String({ description: 'a sentence' }),
        },
        closed,
      ),
    ),
    cell: Type.Object(estimate, { ...closed, description: 'the figure that is judged' }),
    lossAdjusted: NullableNumber('bytes of the cell with what was lost on the way added'),
    records: Type.Object(
      {
        from: about.from,
        to: about.to,
        records: Type.Number({ description: 'records that count or may' }),
        exporters: Type.Number(),
        ports: Type.Integer({ description: 'ports at which they count' }),
        comparedPorts: Type.Integer({
          description: `of the ${CELL_PORTS_MAX} ports with the most bytes those whose interface reports counters`,
        }),
        oldestInventory: NullableTime('asOf of the oldest inventory behind them'),
      },
      {
        ...closed,
        description: 'what the checks inventory, stale, re-enriched and counters are of: at most the last six hours',
      },
    ),
  },
  closed,
);
export type TrustAnswer = Static<typeof TrustAnswer>;

export const trust = defineQuestion({
  name: 'trust',
  right: rightForColumns,
  summary: 'How far a cell can be trusted: one verdict with its reasons',
  parameters: Parameters,
  answer: TrustAnswer,
  table: () => ({ kinds: CHECK_KINDS, keys: ['check'] }),
  async respond(params, context) {
    const { storage, config, nowMs } = context;
    const metric = metricOf(params);
    const requested = parseRequestedWindow(params.from, params.to, nowMs);
    const condition = await cellCondition(storage, params);
    const needs = { requested, metric, layer: 'l3', columns: [], condition } as const;
    const found = await queryTables<Sums>(storage, needs, nowMs, tables => totalStatement(metric, tables));
    const sums = found.rows[0] ?? NO_SUMS;
    const cell = estimateOf(sums, metric, observedOf(found));
    const accounted = accountedOf({ fromMs: found.window.fromS * 1000, toMs: found.window.toS * 1000 });
    const [provisional, coverage, lost, seen] = await Promise.all([
      provisionalIn(storage, found.window),
      coverageOf(context, params, found),
      lossOf(context, { ...params, condition, sums }, found),
      recordsOf(storage, accounted, condition),
    ]);
    const about = aboutWindow(found, { metric, layer: 'l3', provisional, config, nowMs });
    const { adjusted, share: loss } = lost;
    const { evidence, ...records } = seen;
    const checks = checksOf({
      ...{ ...cell, coveredShare: about.coveredShare, coverage, loss },
      ...{ ...evidence, provisional },
    });
    return {
      answer: {
        ...about,
        by: params.by,
        verdict: verdictOf(checks),
        reasons: VERDICTS.toReversed().flatMap(verdict =>
          verdict === 'sound' ? [] : checks.flatMap(check => (check.verdict === verdict ? [check.reason] : [])),
        ),
        checks,
        cell,
        lossAdjusted: adjusted,
        records: { from: iso(accounted.fromMs), to: iso(accounted.toMs), ...records },
      },
      kinds: CHECK_KINDS,
      rows: () => checks.map(check => ({ ...check })),
    };
  },
});

const CHECK_KINDS = { check: 'text', verdict: 'text', figure: 'number', reason: 'text' } as const;

type Cell = Pick<Static<typeof Parameters>, 'by' | 'src' | 'dst'>;

async function cellCondition(storage: Storage, { by, src, dst }: Cell): Promise<Condition> {
  const [srcColumn, dstColumn] = pairOf('by', by);
  // Both are read before any name is looked up: a fault of the second leaves no look-up of the first behind.
  const [sender, receiver] = [checkedEquals('src', srcColumn, src), checkedEquals('dst', dstColumn, dst)];
  const [sends, receives] = await Promise.all([
    compileFilter('src', sender, nodeResolver(storage, 'src'), 's'),
    compileFilter('dst', receiver, nodeResolver(storage, 'dst'), 'd'),
  ]);
  return allOf([sends, receives]);
}

/** Of the pair of nodes that is seen least. */
async function coverageOf(
  { storage, advisor, nowMs }: QuestionContext,
  { by, src, dst }: Cell,
  found: Rows<unknown>,
): Promise<number | null> {
  const pairs = await namedPairs({ by, src, dst, filter: '' }, nodeResolver(storage, 'src'));
  if (!pairs) return null;
  return leastOf(await readPairCoverage(storage, advisor, pairs, seenWindow(found, nowMs), COVERAGE_MS_MAX));
}

/** Lost bytes of the cell, whatever the metric is; null where no exporter numbers what it sends. */
async function lossOf(
  { storage, nowMs }: QuestionContext,
  { by, condition, sums }: Cell & { readonly condition: Condition; readonly sums: Sums },
  found: Rows<unknown>,
): Promise<{ readonly adjusted: number | null; readonly share: number | null }> {
  const axis = axisOf('by', by);
  const requested = { fromMs: found.window.fromS * 1000, toMs: found.window.toS * 1000 };
  const exporters = exportersStatement(requested, nowMs);
  const observed = observedOf(found);
  const bytes = estimateOf(sums, 'bytes', observed);
  const axes = { rows: axis, columns: axis, orientation: 'sender' } as const;
  const query = { axes, metric: 'bytes', layer: 'l3', condition, seconds: observed.seconds } as const;
  const [health, { total }] = await Promise.all([
    storage.select<ExporterRow>(exporters.sql, exporters.params),
    adjustForLoss(storage, query, found, bytes),
  ]);
  const adjusted = total?.value ?? null;
  if (lossRatioOf(health) === null || !adjusted || bytes.value === null) return { adjusted, share: null };
  return { adjusted, share: Math.max(0, 1 - bytes.value / adjusted) };
}

type FromRecords = Pick<
  Evidence,
  'inventoryAgeS' | 'staleShare' | 'reenrichedShare' | 'ratio' | 'ports' | 'comparedPorts'
>;

async function recordsOf(storage: Storage, accounted: RequestedWindow, condition: Condition) {
  const { sql, params } = recordsStatement(accounted, condition);
  const [row] = await storage.select<RecordsRow>(sql, params);
  const ports = row ? portsOf(row) : [];
  const compared = ports.length > 0 ? await comparedPorts(storage, accounted, ports) : [];
  const sum = (of: (port: PortRow) => string) => compared.reduce((all, port) => all + Number(of(port)), 0);
  const ofPorts = {
    ports: Number(row?.portCount ?? 0),
    comparedPorts: new Set(compared.map(({ address, port }) => `${address} ${port}`)).size,
  };
  const octets = sum(port => port.octets);
  const bytes = Number(row?.bytes ?? 0);
  const share = (part: string | undefined) => (bytes > 0 ? Number(part) / bytes : null);
  const known = Number(row?.known ?? 0);
  const evidence: FromRecords = {
    inventoryAgeS: bytes === 0 ? undefined : known > 0 ? row!.aged / known : null,
    ...{ staleShare: share(row?.stale), reenrichedShare: share(row?.again) },
    ...{ ratio: octets > 0 ? sum(port => port.counted) / octets : null, ...ofPorts },
  };
  return {
    evidence,
    records: Number(row?.records ?? 0),
    exporters: Number(row?.exporters ?? 0),
    ...ofPorts,
    oldestInventory: known > 0 ? iso(Number(row!.oldestMs)) : null,
  };
}

function comparedPorts(
  storage: Storage,
  { fromMs, toMs }: RequestedWindow,
  ports: ReturnType<typeof portsOf>,
): Promise<PortRow[]> {
  const window = { fromS: Math.floor(fromMs / 1000), toS: Math.ceil(toMs / 1000) };
  // A port has a row for each of its directions: none is cut, because those that agree least come first.
  const { sql, params } = reconciliationStatement(window, 2 * ports.length, ports);
  return storage.select<PortRow>(sql, params);
}
