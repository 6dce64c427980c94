// What automatic nodes of VMs exchange with whom, by service, as its server or its client: what applications are discovered by.

import { NODE_CLASSES } from '../../schemas/keys.ts';
import type { Context, Statement } from '../sql/tables.ts';

/** Rows read, the largest first. */
export const NODE_TRAFFIC_MAX = 50_000;
export const NODE_TRAFFIC_COLUMNS = ['srcApp', 'dstApp', 'service', 'serverSide'] as const;

export interface NodeTrafficRow {
  readonly node: string;
  readonly peer: string;
  readonly service: string;
  readonly serves: number;
  readonly bytes: number;
}

const HEX_SQL = (key: string) => `leftPad(lower(hex(${key})), 16, '0')`;

export function nodeTrafficStatement({ relation }: Pick<Context, 'relation'>): Statement {
  const sql = `
SELECT ${HEX_SQL('e.1')} AS node, ${HEX_SQL('e.2')} AS peer, ${HEX_SQL('t.service')} AS service, toUInt8(serves) AS serves, toFloat64(sum(t.bytes)) AS bytes
FROM (
  SELECT arrayJoin(if(r.srcApp = r.dstApp, [(r.srcApp, r.dstApp, 3)], [(r.srcApp, r.dstApp, 1), (r.dstApp, r.srcApp, 2)])) AS e,
    r.service AS service, bitAnd(e.3, r.serverSide) != 0 AS serves, r.bytes AS bytes
  FROM (${relation.sql}) AS r
) AS t
WHERE bitShiftRight(e.1, 56) = ${NODE_CLASSES.autoGroup}
GROUP BY e.1, e.2, t.service, serves
ORDER BY sum(t.bytes) DESC, node, peer, service, serves
LIMIT ${NODE_TRAFFIC_MAX}`;
  return { sql, params: relation.params };
}
