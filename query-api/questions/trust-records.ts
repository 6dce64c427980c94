// What the records of a cell say of themselves: which inventory is behind them, which were enriched again, and at which ports
// they count. Only records say so; of a window beyond six hours its last six are read.

import { DIRECTION, MARKS } from '../../schemas/codes.ts';
import { ELECTED_SQL, UNELECTED_SQL } from '../../storage/tables/elections.ts';
import { COUNTED } from '../../storage/tables/spread.ts';
import type { Condition } from '../sql/filter.ts';
import { MEETS_WINDOW } from '../sql/layer.ts';
import type { Statement } from '../sql/tables.ts';
import { addressText } from '../sql/values.ts';
import type { RequestedWindow } from '../sql/window.ts';
import type { PortName } from './reconciliation.ts';

/** Bytes of a record that count, or may. */
const VOLUME = `if(${UNELECTED_SQL}, estBytes, ${COUNTED.bytes})`;
/** Ports of a cell that are compared with their counters, those with the most bytes. */
export const CELL_PORTS_MAX = 1000;

export interface RecordsRow {
  readonly bytes: string;
  readonly known: string;
  /** Bytes times seconds. */
  readonly aged: number;
  readonly oldestMs: string;
  readonly stale: string;
  readonly again: string;
  readonly records: string;
  readonly exporters: string;
  /** Of all; `ports` has the largest of them. */
  readonly portCount: string;
  readonly ports: readonly (readonly [address: string, port: number])[];
}

export function recordsStatement({ fromMs, toMs }: RequestedWindow, condition: Condition): Statement {
  const sql = `
WITH parts AS (
  SELECT exporter AS address, if(direction = ${DIRECTION.egress}, outIf, inIf) AS port, toUnixTimestamp64Milli(inventoryAsOf) > 0 AS isKnown,
    bitAnd(marks, ${MARKS.stale}) != 0 AS isStale, revision > 0 AS isAgain, min(inventoryAsOf) AS asOf, count() AS number, sum(${VOLUME}) AS volume,
    sum(toFloat64(${VOLUME}) * greatest(0, dateDiff('second', inventoryAsOf, flowStart))) AS aged
  FROM flows
  WHERE (${ELECTED_SQL} OR ${UNELECTED_SQL}) AND ${MEETS_WINDOW} AND ${condition.sql}
  GROUP BY address, port, isKnown, isStale, isAgain
), ofPorts AS (
  SELECT address, port, sum(p.volume) AS bytes, sumIf(p.volume, isKnown) AS known, sumIf(p.aged, isKnown) AS seconds, minIf(p.asOf, isKnown) AS oldest,
    sumIf(p.volume, isStale) AS stale, sumIf(p.volume, isAgain) AS again, sum(p.number) AS records
  FROM parts AS p GROUP BY address, port
)
SELECT toString(sum(o.bytes)) AS bytes, toString(sum(o.known)) AS known, sum(o.seconds) AS aged,
  toString(toUnixTimestamp64Milli(minIf(o.oldest, o.known > 0))) AS oldestMs, toString(sum(o.stale)) AS stale, toString(sum(o.again)) AS again,
  toString(sum(o.records)) AS records, toString(uniqExact(address)) AS exporters, toString(count()) AS portCount,
  arrayMap(p -> (toString(p.2), p.3), arraySlice(arrayReverseSort(groupArray((o.bytes, address, port))), 1, ${CELL_PORTS_MAX})) AS ports
FROM ofPorts AS o`;
  return {
    sql,
    params: { ...condition.params, windowFrom: Math.floor(fromMs / 1000), windowTo: Math.ceil(toMs / 1000) },
  };
}

export function portsOf({ ports }: RecordsRow): PortName[] {
  return ports.map(([address, port]) => ({ address: addressText(address), port }));
}
