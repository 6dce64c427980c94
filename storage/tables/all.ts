// Every table, and the views that fill roll-ups with every insert.

import { HERE, type Placement } from '../placement.ts';
import { DOCUMENTS } from './documents.ts';
import { EVENTS } from './events.ts';
import { EXPORTERS } from './exporters.ts';
import { FACTS } from './facts.ts';
import { FLOWS, NOT_RESTORED_SQL } from './flows.ts';
import { flowsNamedSql } from './flows-named.ts';
import { HEARTBEATS } from './heartbeats.ts';
import { INTERFACES } from './interfaces.ts';
import { MIGRATIONS } from './migrations.ts';
import { NODES } from './nodes.ts';
import { COARSER_PAIRS, PAIRS_1H, PAIRS_5M } from './pairs.ts';
import { PASSERS } from './passers.ts';
import { PASSES } from './passes.ts';
import { REENRICHMENTS } from './reenrichments.ts';
import { SERVICES } from './services.ts';
import { coarserSql } from './spread.ts';
import type { Table } from './table.ts';
import { COARSER_TRAFFIC, TRAFFIC_1H, TRAFFIC_1M, TRAFFIC_5M, trafficSelectSql } from './traffic.ts';
import { UNELECTED_5M } from './unelected.ts';

export const TABLES: readonly Table[] = [
  FLOWS,
  TRAFFIC_1M,
  TRAFFIC_5M,
  TRAFFIC_1H,
  PAIRS_5M,
  PAIRS_1H,
  UNELECTED_5M,
  EXPORTERS,
  INTERFACES,
  NODES,
  FACTS,
  SERVICES,
  DOCUMENTS,
  HEARTBEATS,
  EVENTS,
  PASSES,
  PASSERS,
  REENRICHMENTS,
  MIGRATIONS,
];

/** Roll-ups that views fill from finer ones. */
export const COARSER = [...COARSER_TRAFFIC, ...COARSER_PAIRS];

/** The view behind the records themselves. */
export const RECORDS_VIEW = 'traffic_1m_view';

interface View {
  readonly name: string;
  readonly to: string;
  /** Of the source with this prefix before its name. */
  readonly sql: (prefix: string) => string;
}

/** Each fills its table from its source. */
const VIEWS: readonly View[] = [
  { name: RECORDS_VIEW, to: 'traffic_1m', sql: prefix => trafficSelectSql(NOT_RESTORED_SQL, `${prefix}flows`) },
  ...COARSER.map(({ from, to, stepSeconds, keys }) => ({
    name: `${to}_view`,
    to,
    sql: (prefix: string) => coarserSql(`${prefix}${from}`, stepSeconds, keys),
  })),
];

export function createViewsSql({ prefix, everywhere }: Placement = HERE): string[] {
  return VIEWS.map(
    ({ name, to, sql }) =>
      `CREATE MATERIALIZED VIEW IF NOT EXISTS ${prefix}${name}${everywhere} TO ${prefix}${to} AS\n${sql(prefix)}`,
  );
}

export function createFlowsNamedSql({ prefix, everywhere }: Placement = HERE): string {
  return `CREATE OR REPLACE VIEW ${prefix}flows_named${everywhere} AS\n${flowsNamedSql(prefix)}`;
}
