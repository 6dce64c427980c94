// What was noticed in flows: moves of MACs before the inventory reports them, and MACs that two ports send. Several
// enrichers notice one event; rows whose times meet are one.

import { type Static, Type } from 'typebox';
import { formatMac } from '../../schemas/address.ts';
import type { Storage } from '../../storage/storage.ts';
import { EVENT_KINDS } from '../../storage/tables/events.ts';
import { closed, NullableTime } from '../answers/answers.ts';
import { pairOf } from '../sql/dimensions.ts';
import { addressText, nameValues } from '../sql/values.ts';
import { parseRequestedWindow, type RequestedWindow } from '../sql/window.ts';
import { iso } from './grouped.ts';
import { choice, format, Limit, windowFrom } from './parameters.ts';
import { defineQuestion } from './question.ts';

/** Evidence further apart is of two events: a VM that comes back the same way. The enricher reports one at least every minute. */
export const EPISODE_GAP_S = 900;
const EVENTS_MAX = 10_000;

const Parameters = Type.Object(
  {
    ...windowFrom('now-24h'),
    kind: Type.Optional(choice(EVENT_KINDS, { description: 'events of this kind only' })),
    limit: Limit(100, EVENTS_MAX, 'events listed, the newest first'),
    format,
  },
  closed,
);

const Event = Type.Object(
  {
    kind: choice(EVENT_KINDS, {
      description:
        'move: a MAC sends at an access port where the inventory does not have it; mac-conflict: and goes on where it was',
    }),
    mac: Type.String(),
    at: Type.String({ description: 'flow time of the first evidence' }),
    lastSeen: Type.String({ description: 'flow time of the newest evidence' }),
    detectedAt: Type.String({ description: 'when an enricher noticed first' }),
    confirmedAt: NullableTime('when the inventory was seen to say the same'),
    vmKey: Type.String(),
    vm: Type.String({ description: 'empty when the inventory does not know the MAC' }),
    fromHost: Type.String({ description: 'by inventory' }),
    fromExporter: Type.String({ description: 'a port where the inventory has it; empty when none is metered' }),
    fromIfIndex: Type.Integer(),
    toExporter: Type.String({ description: 'where it was seen' }),
    toIfIndex: Type.Integer(),
    toHost: Type.String({ description: 'by cabling; empty unknown' }),
  },
  closed,
);
type Event = Static<typeof Event>;
export const EventsAnswer = Type.Object(
  { from: Type.String(), to: Type.String(), events: Type.Array(Event), elapsedMs: Type.Number() },
  closed,
);

const KINDS = Object.fromEntries(
  Object.keys(Event.properties).map(name => [name, name.endsWith('IfIndex') ? 'number' : 'text'] as const),
);

export const events = defineQuestion({
  name: 'events',
  right: 'read',
  addresses: ['records'],
  summary: 'Events seen in flows: moves before the inventory reports them, MAC conflicts',
  parameters: Parameters,
  answer: EventsAnswer,
  table: () => ({ kinds: KINDS, keys: ['kind', 'mac', 'at'] }),
  async respond({ from, to, kind, limit }, { storage, nowMs }) {
    const requested = parseRequestedWindow(from, to, nowMs);
    const rows = await readEvents(storage, requested, kind ? [kind] : EVENT_KINDS, limit);
    const found = await shapeEvents(storage, rows);
    return {
      answer: { from: iso(requested.fromMs), to: iso(requested.toMs), events: found },
      kinds: KINDS,
      rows: () => found,
    };
  },
});

/** The newest first. */
export function readEvents(
  storage: Storage,
  { fromMs, toMs }: RequestedWindow,
  kinds: readonly Event['kind'][],
  limit: number,
): Promise<EventRow[]> {
  return storage.select<EventRow>(EVENTS_SQL, { from: fromMs, to: toMs, kinds: [...kinds], limit });
}

const MS = (sql: string) => `toString(toUnixTimestamp64Milli(${sql}))`;
const THING = 'kind, mac, toExporter, toIfIndex';

/** A row begins an event when none of its thing was seen for EPISODE_GAP_S before. */
const EVENTS_SQL = `
SELECT kind, toString(mac) AS macText, toString(toExporter) AS toAddress, toIfIndex,
  ${MS('min(at)')} AS atText, ${MS('max(seen)')} AS seenText, ${MS('min(detected)')} AS detectedText, ${MS('max(confirmed)')} AS confirmedText,
  toString(argMin(vmKey, at)) AS vmText, toString(argMin(fromHostKey, at)) AS fromHostText, toString(argMin(toHostKey, at)) AS toHostText,
  toString(argMin(fromAddress, at)) AS fromAddressText, argMin(fromPort, at) AS fromIfIndex
FROM (
  SELECT *, sum(begins) OVER (PARTITION BY ${THING} ORDER BY at) AS episode FROM (
    SELECT *, at > max(seen) OVER (PARTITION BY ${THING} ORDER BY at ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) + toIntervalSecond(${EPISODE_GAP_S}) AS begins
    FROM (
      SELECT ${THING}, at, max(lastSeen) AS seen, min(detectedAt) AS detected, max(confirmedAt) AS confirmed, max(vm) AS vmKey,
        max(fromHost) AS fromHostKey, max(toHost) AS toHostKey, max(fromExporter) AS fromAddress, max(fromIfIndex) AS fromPort
      FROM events WHERE kind IN {kinds:Array(String)} AND lastSeen >= fromUnixTimestamp64Milli({from:Int64}) - toIntervalSecond(${EPISODE_GAP_S})
        AND at < fromUnixTimestamp64Milli({to:Int64})
      GROUP BY ${THING}, at
    )
  )
)
GROUP BY ${THING}, episode
HAVING max(seen) >= fromUnixTimestamp64Milli({from:Int64})
ORDER BY min(at) DESC, macText LIMIT {limit:UInt32}`;

export interface EventRow {
  readonly kind: Event['kind'];
  readonly toIfIndex: number;
  readonly fromIfIndex: number;
  readonly macText: string;
  readonly toAddress: string;
  readonly fromAddressText: string;
  readonly atText: string;
  readonly seenText: string;
  readonly detectedText: string;
  readonly confirmedText: string;
  readonly vmText: string;
  readonly fromHostText: string;
  readonly toHostText: string;
}

async function shapeEvents(storage: Storage, rows: readonly EventRow[]): Promise<Event[]> {
  const [vmColumn] = pairOf('by', 'vm');
  const [hostColumn] = pairOf('by', 'host');
  const name = await nameValues(
    storage,
    rows.flatMap(({ vmText, fromHostText, toHostText }) => [
      [vmColumn, vmText] as const,
      [hostColumn, fromHostText] as const,
      [hostColumn, toHostText] as const,
    ]),
  );
  const named = (column: typeof vmColumn, raw: string) => (raw === '0' ? { key: '', name: '' } : name(column, raw));
  return rows.map(row => {
    const mac = Number(row.macText);
    const vm = named(vmColumn, row.vmText);
    return {
      kind: row.kind,
      mac: formatMac(mac % 2 ** 32, Math.floor(mac / 2 ** 32)),
      at: iso(Number(row.atText)),
      lastSeen: iso(Number(row.seenText)),
      detectedAt: iso(Number(row.detectedText)),
      confirmedAt: row.confirmedText === '0' ? null : iso(Number(row.confirmedText)),
      vmKey: vm.key,
      vm: vm.name,
      fromHost: named(hostColumn, row.fromHostText).name,
      fromExporter: row.fromAddressText === '::' ? '' : addressText(row.fromAddressText),
      fromIfIndex: row.fromIfIndex,
      toExporter: addressText(row.toAddress),
      toIfIndex: row.toIfIndex,
      toHost: named(hostColumn, row.toHostText).name,
    };
  });
}
