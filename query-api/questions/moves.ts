// VMs that moved in a window, and the load of the access links of the old and the new host before and after: by the history of
// the inventory, and by flows where these showed a move that the inventory does not have (yet).

import { type Static, Type } from 'typebox';
import { durationMs } from '../../schemas/alert-rules.ts';
import { hashedKey, keyToBigint } from '../../schemas/keys.ts';
import type { LinkLoad, LinksReport, MovedReport, NamedVm } from '../../schemas/planning.ts';
import type { Storage } from '../../storage/storage.ts';
import { about, closed, estimate, NullableNumber, NullableTime, Time } from '../answers/answers.ts';
import type { FlatRow } from '../http/format-table.ts';
import { refuse } from '../http/problem.ts';
import { pairOf } from '../sql/dimensions.ts';
import type { Condition } from '../sql/filter.ts';
import type { Rows } from '../sql/tables.ts';
import { type NameValue, nameValues } from '../sql/values.ts';
import { parseRequestedWindow, type RequestedWindow } from '../sql/window.ts';
import { COVERAGE_MS_MAX, coverageOfCells } from './advisor.ts';
import { type EventRow, readEvents } from './events.ts';
import { iso, observedOf } from './grouped.ts';
import { type LinkAnswer, shapeLink } from './links.ts';
import { planTables } from './pair-traffic.ts';
import { format, Limit, windowFrom } from './parameters.ts';
import { Kind, Named, namedOf, Side, sideText } from './placed.ts';
import { requestPlan } from './planner.ts';
import { provisionalOf } from './provisional.ts';
import { defineQuestion, type QuestionContext } from './question.ts';
import { readSeen } from './seen-exporters.ts';

const BUCKET_MS = 300_000;
const SPAN_MS_MAX = 7 * 86_400_000;
/** A move that flows showed and the inventory has within this time is one move. */
const SAME_MOVE_MS = 3_600_000;
/** Moves that flows showed, looked at beside those of the inventory. */
const EVENTS_MAX = 1000;
/** Links of two hosts; a host has a few. */
const LINKS_MAX = 64;

const Parameters = Type.Object(
  {
    ...windowFrom('now-24h'),
    span: Type.String({
      default: '1h',
      maxLength: 8,
      description: 'loads are of so long before and after a move: 5m to 7d, in m, h or d',
      examples: ['1h'],
    }),
    limit: Limit(5, 20, 'moves with loads, the newest first'),
    format,
  },
  closed,
);

const Load = Type.Object(
  {
    ...estimate,
    maxBps: NullableNumber('largest five-minute bucket, bit/s'),
    utilisation: NullableNumber('average bit/s of frames, of the speed'),
  },
  { ...closed, description: 'average bit/s of IP bytes in the covered time; null where it is not known' },
);
type Load = Static<typeof Load>;

const Span = Type.Object(
  { from: about.from, to: about.to, coveredShare: NullableNumber('share of it that is covered; null in the future') },
  closed,
);

const MovedLink = Type.Object(
  {
    host: Type.Enum(['old', 'new'], { description: 'whose link it is' }),
    ...{ kind: Kind, from: Side, to: Side, speedBps: NullableNumber('by inventory, else as the interface reports it') },
    ...{ before: Load, after: Load },
    change: NullableNumber('bit/s after less before; null where one is not known'),
  },
  closed,
);

const Move = Type.Object(
  {
    vm: Named,
    from: Named,
    to: Named,
    at: Time('flow time of the first evidence, else since when the inventory has it at the new host'),
    by: Type.Enum(['inventory', 'flows', 'both'], { description: 'who says so' }),
    inventoryAt: NullableTime('since when the inventory has it at the new host'),
    notBefore: NullableTime('start of the newest state of the inventory that has it at the old host'),
    before: Span,
    after: Span,
    links: Type.Array(MovedLink, { description: 'access links of both hosts, each direction of its own' }),
  },
  closed,
);
type Move = Static<typeof Move>;

export const MovesAnswer = Type.Object(
  {
    from: about.from,
    to: about.to,
    span: Type.String(),
    moves: Type.Array(Move, { description: 'the newest first' }),
    moveCount: Type.Integer({ description: 'moves there are; of flows at most the newest thousand are among them' }),
    inventoryFrom: NullableTime('moves by inventory are known from here on; null without inventory'),
    inventoryAsOf: NullableTime('asOf of the newest inventory used'),
    coverage: NullableNumber(
      'of the pairs of running VMs and the time, the share with a live canonical point; below 1 loads are too low where the others talk',
    ),
    provisional: about.provisional,
    elapsedMs: about.elapsedMs,
  },
  closed,
);
export type MovesAnswer = Static<typeof MovesAnswer>;

/** A move as it was found; keys are decimal. */
interface FoundMove {
  readonly vm: NamedVm;
  readonly from: NamedVm;
  readonly to: NamedVm;
  readonly atMs: number;
  readonly by: Move['by'];
  readonly inventoryMs: number | null;
  readonly notBeforeMs: number | null;
}

export const moves = defineQuestion({
  name: 'moves',
  right: 'read',
  addresses: ['records'],
  summary: 'VMs that moved, and the load of old and new links before and after',
  parameters: Parameters,
  answer: MovesAnswer,
  table: () => ({ kinds: KINDS, keys: ['at', 'vm', 'host', 'from', 'to'] }),
  async respond({ from, to, span, limit }, context) {
    const { storage, planner, nowMs } = context;
    const requested = parseRequestedWindow(from, to, nowMs);
    const spanMs = spanOf(span);
    const request = { request: 'moved', ...requested, limit: limit + EVENTS_MAX } as const;
    const [report, events] = await Promise.all([
      requestPlan<MovedReport>(planner, request),
      readEvents(storage, requested, ['move'], EVENTS_MAX),
    ]);
    const { found, onlyFlows } = await joinMoves(storage, report, events);
    const listed = found.slice(0, limit);
    const whole = {
      fromMs: Math.max(0, Math.min(requested.fromMs, ...listed.map(({ atMs }) => atMs - spanMs))),
      toMs: Math.min(nowMs, Math.max(requested.toMs, ...listed.map(({ atMs }) => atMs + spanMs))),
    };
    const [provisional, coverage] = await Promise.all([provisionalOf(storage, whole), coverageOf(context, whole)]);
    const answers: Move[] = [];
    // One after the other: each has two readings of its own.
    for (const move of listed) answers.push(await withLoads(context, move, { spanMs, coverage }));
    return {
      answer: {
        ...{ from: iso(requested.fromMs), to: iso(requested.toMs), span, moves: answers },
        moveCount: (report?.moveCount ?? 0) + onlyFlows,
        inventoryFrom: report ? iso(report.knownFromMs) : null,
        inventoryAsOf: report && report.asOfMs > 0 ? iso(report.asOfMs) : null,
        ...{ coverage, provisional },
      },
      kinds: KINDS,
      rows: () => answers.flatMap(flatMove),
    };
  },
});

function spanOf(text: string): number {
  const ms = durationMs(text) ?? Number.NaN;
  if (!(ms >= BUCKET_MS && ms <= SPAN_MS_MAX))
    refuse('span', `"${text}" is no time from 5m to 7d; write 30m, 1h or 1d`);
  return ms;
}

async function coverageOf({ storage, advisor }: QuestionContext, whole: RequestedWindow): Promise<number | null> {
  const seen = await readSeen(storage, whole);
  return (await coverageOfCells(advisor, '', seen, [], COVERAGE_MS_MAX)).overall;
}

/** Moves of the inventory with the flow time of their evidence, and those that flows alone show; the newest first. */
async function joinMoves(
  storage: Storage,
  report: MovedReport | undefined,
  events: readonly EventRow[],
): Promise<{ readonly found: FoundMove[]; readonly onlyFlows: number }> {
  const known = events.filter(row => row.vmText !== '0' && row.fromHostText !== '0' && row.toHostText !== '0');
  const name = await nameKeys(storage, known);
  const left = new Set(known);
  const ofInventory = (report?.moves ?? []).map((move): FoundMove => {
    const shown = [...left].find(
      row =>
        row.vmText === move.vm.key &&
        row.toHostText === move.to.key &&
        Math.abs(Number(row.atText) - move.atMs) <= SAME_MOVE_MS,
    );
    if (shown) left.delete(shown);
    const { vm, from, to, atMs, sinceMs } = move;
    const inventoryMs = { inventoryMs: atMs, notBeforeMs: Number.isFinite(sinceMs) ? sinceMs : null };
    return {
      vm,
      from,
      to,
      atMs: shown ? Number(shown.atText) : atMs,
      by: shown ? 'both' : 'inventory',
      ...inventoryMs,
    };
  });
  const ofFlows = [...left].map((row): FoundMove => {
    const [vm, from, to] = [row.vmText, row.fromHostText, row.toHostText].map(key => ({ key, name: name(key) })) as [
      ...[NamedVm, NamedVm, NamedVm],
    ];
    return { vm, from, to, atMs: Number(row.atText), by: 'flows', inventoryMs: null, notBeforeMs: null };
  });
  const found = [...ofInventory, ...ofFlows].sort((a, b) => b.atMs - a.atMs || (a.vm.key < b.vm.key ? -1 : 1));
  return { found, onlyFlows: ofFlows.length };
}

async function nameKeys(storage: Storage, rows: readonly EventRow[]): Promise<(key: string) => string> {
  const [column] = pairOf('by', 'vm');
  const keys = rows.flatMap(row => [row.vmText, row.fromHostText, row.toHostText]);
  const name = await nameValues(
    storage,
    keys.map(key => [column, key] as const),
  );
  return key => name(column, key).name;
}

const NO_LOAD: Load = {
  value: null,
  ciLow: null,
  ciHigh: null,
  samples: 0,
  method: 'none',
  maxBps: null,
  utilisation: null,
};
const UNNAMED: NameValue = () => ({ key: '', name: '' });

/** The buckets around the move are in neither. */
async function withLoads(
  context: QuestionContext,
  { vm, from, to, atMs, by, inventoryMs, notBeforeMs }: FoundMove,
  { spanMs, coverage }: { readonly spanMs: number; readonly coverage: number | null },
): Promise<Move> {
  const endMs = Math.floor(atMs / BUCKET_MS) * BUCKET_MS;
  const startMs = endMs === atMs ? atMs : endMs + BUCKET_MS;
  const hosts = [from.key, to.key];
  const [before, after] = await Promise.all([
    readLoads(context, { fromMs: endMs - spanMs, toMs: endMs }, hosts, coverage),
    readLoads(context, { fromMs: startMs, toMs: startMs + spanMs }, hosts, coverage),
  ]);
  const names = [...new Set([...before.links.keys(), ...after.links.keys()])].sort();
  return {
    ...{ vm: namedOf(vm), from: namedOf(from), to: namedOf(to), at: iso(atMs), by },
    inventoryAt: inventoryMs === null ? null : iso(inventoryMs),
    notBefore: notBeforeMs === null ? null : iso(notBeforeMs),
    ...{ before: before.span, after: after.span },
    links: names.map(name => movedLink(from.key, before.links.get(name), after.links.get(name))),
  };
}

function movedLink(
  oldHost: string,
  before: LinkAnswer | undefined,
  after: LinkAnswer | undefined,
): Move['links'][number] {
  const { kind, from, to, speedBps } = (after ?? before)!;
  const isOld = [from, to].some(
    end => end.kind === 'host' && String(keyToBigint(hashedKey('host', end.id))) === oldHost,
  );
  const [was, is] = [loadOf(before), loadOf(after)];
  const change = was.value === null || is.value === null ? null : is.value - was.value;
  return { host: isOld ? 'old' : 'new', kind, from, to, speedBps, before: was, after: is, change };
}

function loadOf(link: LinkAnswer | undefined): Load {
  return link ? { ...link.load, maxBps: link.maxBps, utilisation: link.utilisation } : NO_LOAD;
}

interface SpanLoads {
  readonly span: Static<typeof Span>;
  /** By the name of the link and its direction. */
  readonly links: ReadonlyMap<string, LinkAnswer>;
}

/** Loads of the links of two hosts, from the traffic of these alone: a host passes on no packets of others. */
async function readLoads(
  { storage, planner, nowMs }: QuestionContext,
  requested: RequestedWindow,
  hosts: readonly string[],
  coverage: number | null,
): Promise<SpanLoads> {
  const span = { from: iso(requested.fromMs), to: iso(requested.toMs) };
  if (requested.fromMs >= nowMs) return { span: { ...span, coveredShare: null }, links: new Map() };
  const request = {
    request: 'links',
    sort: 'load',
    limit: LINKS_MAX,
    host: '',
    switch: '',
    cells: 0,
    hostKeys: hosts,
  } as const;
  const condition: Condition = {
    sql: '(srcHost IN {movedHosts:Array(UInt64)} OR dstHost IN {movedHosts:Array(UInt64)})',
    params: { movedHosts: hosts.map(BigInt) },
    columns: ['srcHost', 'dstHost'],
  };
  const found: Rows<LinksReport | undefined> = await planTables(
    storage,
    requested,
    nowMs,
    planWindow => requestPlan<LinksReport>(planner, { ...planWindow, ...request }),
    condition,
  );
  const observed = observedOf(found);
  const lengthS = (Math.min(requested.toMs, nowMs) - requested.fromMs) / 1000;
  const coveredShare = Math.min(1, (found.covered?.seconds ?? 0) / lengthS);
  const links = (found.rows[0]?.links ?? []).filter(({ kind }) => kind === 'access');
  return {
    span: { ...span, coveredShare },
    links: new Map(links.map((link: LinkLoad) => [link.name, shapeLink(link, observed, coverage, UNNAMED)])),
  };
}

const KINDS = {
  at: 'text',
  vm: 'text',
  fromHost: 'text',
  toHost: 'text',
  by: 'text',
  host: 'text',
  from: 'text',
  to: 'text',
  speedBps: 'number',
  beforeBps: 'number',
  afterBps: 'number',
  change: 'number',
  beforeUtilisation: 'number',
  afterUtilisation: 'number',
  beforeCovered: 'number',
  afterCovered: 'number',
} as const;

/** A move without links has a line too. */
function flatMove({ vm, from, to, at, by, before, after, links }: Move): FlatRow[] {
  const covered = { beforeCovered: before.coveredShare, afterCovered: after.coveredShare };
  const own = { at, vm: vm.name, fromHost: from.name, toHost: to.name, by, ...covered };
  const none = { host: null, from: null, to: null, speedBps: null, beforeBps: null, afterBps: null, change: null };
  if (links.length === 0) return [{ ...own, ...none, beforeUtilisation: null, afterUtilisation: null }];
  return links.map(link => ({
    ...own,
    ...{ host: link.host, from: sideText(link.from), to: sideText(link.to), speedBps: link.speedBps },
    ...{ beforeBps: link.before.value, afterBps: link.after.value, change: link.change },
    ...{ beforeUtilisation: link.before.utilisation, afterUtilisation: link.after.utilisation },
  }));
}
