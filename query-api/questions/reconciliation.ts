// Whether what was counted at a port is what the port itself counted: layer-2 bytes of the records that count there
// against ifInOctets and ifOutOctets, by minute, only minutes that the counters cover whole. A ratio near 2 is an
// exporter that meters both directions and is registered for one, a ratio near 0 one that is not metered at all.
//
// Interfaces count whole frames. A record reports the length of its frames or it does not; then 18 bytes a packet stand
// for header and check sequence, 22 where the packet had a VLAN tag.

import { type Static, Type } from 'typebox';
import { DIRECTION } from '../../schemas/codes.ts';
import { ELECTED_SQL } from '../../storage/tables/elections.ts';
import { spreadSql, WHOLE } from '../../storage/tables/spread.ts';
import { closed, NullableNumber } from '../answers/answers.ts';
import type { Statement } from '../sql/tables.ts';
import { addressText } from '../sql/values.ts';
import type { Window } from '../sql/window.ts';

export const PORTS_MAX = 1000;
/** Records are read: only windows up to here. */
export const RECONCILED_S_MAX = 6 * 3600;
/** What of a minute the counters must cover. */
const COVERED_MS_MIN = 59_000;

export const RATIO_MIN = 0.95;
export const RATIO_MAX = 1.05;

export interface PortRow {
  readonly address: string;
  readonly port: number;
  readonly leaving: number;
  readonly minutes: string;
  readonly counted: string;
  readonly octets: string;
}

const FRAMES = 'estBytes + estPackets * if(vlan = 0, 18, 22)';
const LAYER2 = `if(l2Bytes > 0 AND bytes > 0, toUInt64(l2Bytes * (estBytes / bytes)), ${FRAMES})`;

/** A port as records and counters have it. */
export interface PortName {
  readonly address: string;
  readonly port: number;
}

/** The ports that agree least come first; `limit` of them, and of those in `only` where that is given. */
export function reconciliationStatement(
  { fromS, toS }: Pick<Window, 'fromS' | 'toS'>,
  limit: number,
  only?: readonly PortName[],
): Statement {
  const among = (exporter: string, ifIndex: string) =>
    only
      ? `AND (${exporter}, ${ifIndex}) IN (SELECT arrayJoin(arrayZip({onlyExporters:Array(IPv6)}, {onlyPorts:Array(UInt32)})))`
      : '';
  const leaving = `direction = ${DIRECTION.egress}`;
  const port = `if(${leaving}, outIf, inIf)`;
  const counted = spreadSql({
    stepSeconds: 60,
    from: 'flows',
    where: `${ELECTED_SQL} AND receivedAt >= toDateTime({from:UInt32} - 86400, 'UTC') AND receivedAt < toDateTime({to:UInt32} + 86400, 'UTC')
    AND flowEnd >= toDateTime({from:UInt32}, 'UTC') AND flowStart < toDateTime({to:UInt32}, 'UTC')
    ${among('exporter', port)}`,
    keys: ['exporter', { name: 'ifIndex', sql: port }, { name: 'leaving', sql: `toUInt8(${leaving})` }],
    volume: { ...WHOLE, bytes: `toUInt64((${LAYER2}) * toFloat64(weight))` },
  });
  const sql = `
WITH counted AS (
  SELECT c.exporter AS exporter, c.ifIndex AS ifIndex, c.leaving AS leaving, toUInt32(c.bucket) AS at, sum(c.bytes) AS bytes
  FROM (${counted}) AS c GROUP BY exporter, ifIndex, leaving, at
), metered AS (
  SELECT DISTINCT exporter, ifIndex, leaving FROM counted
), reported AS (
  SELECT i.exporter AS exporter, i.ifIndex AS ifIndex, toUInt32(toDateTime(i.minute)) AS at, sum(i.inOctets) AS arrived, sum(i.outOctets) AS sent
  FROM interfaces AS i
  WHERE i.minute >= toDateTime({from:UInt32}, 'UTC') AND i.minute < toDateTime({to:UInt32}, 'UTC') ${among('i.exporter', 'i.ifIndex')}
  GROUP BY exporter, ifIndex, at
  HAVING sum(i.coveredMs) >= ${COVERED_MS_MIN}
)
SELECT toString(m.exporter) AS address, m.ifIndex AS port, m.leaving AS leaving, toString(count()) AS minutes, toString(sum(c.bytes)) AS counted,
  toString(sum(if(m.leaving = 1, t.sent, t.arrived))) AS octets
FROM reported AS t
INNER JOIN metered AS m ON m.exporter = t.exporter AND m.ifIndex = t.ifIndex
LEFT JOIN counted AS c ON c.exporter = m.exporter AND c.ifIndex = m.ifIndex AND c.leaving = m.leaving AND c.at = t.at
GROUP BY m.exporter, m.ifIndex, m.leaving
ORDER BY abs(log((sum(c.bytes) + 1) / (sum(if(m.leaving = 1, t.sent, t.arrived)) + 1))) DESC, m.exporter, m.ifIndex, m.leaving
LIMIT {limit:UInt32}`;
  const named = only && { onlyExporters: only.map(({ address }) => address), onlyPorts: only.map(({ port }) => port) };
  return { sql, params: { from: fromS, to: toS, limit, ...named } };
}

export const Port = Type.Object(
  {
    exporter: Type.String(),
    ifIndex: Type.Integer(),
    host: Type.String({ description: 'the host cabled to the port, by inventory' }),
    direction: Type.Enum(['ingress', 'egress']),
    minutes: Type.Number({ description: 'whole minutes that the counters of the interface cover' }),
    countedBytes: Type.Number({
      description: 'layer-2 bytes of the records that count at this port, in these minutes',
    }),
    octets: Type.Number({ description: 'ifInOctets or ifOutOctets in these minutes' }),
    ratio: NullableNumber('countedBytes / octets; 0.95 to 1.05 agrees'),
    agrees: Type.Unsafe<boolean | null>({ type: ['boolean', 'null'] }),
  },
  closed,
);
export type Port = Omit<Static<typeof Port>, 'host'>;

export function shapePort({ address, port, leaving, minutes, counted, octets }: PortRow): Port {
  const ratio = Number(octets) > 0 ? Number(counted) / Number(octets) : null;
  return {
    exporter: addressText(address),
    ifIndex: port,
    direction: leaving === 1 ? 'egress' : 'ingress',
    minutes: Number(minutes),
    countedBytes: Number(counted),
    octets: Number(octets),
    ratio,
    agrees: ratio === null ? null : ratio >= RATIO_MIN && ratio <= RATIO_MAX,
  };
}
