// Every table, and the views that fill roll-ups with every insert.

import { HERE, type Placement } from '../placement.ts';
import { ALERT_RULES } from './alert-rules.ts';
import { ALERT_EVALUATIONS, ALERTS } from './alerts.ts';
import { CELLS_5M, COARSER_CELLS } from './cells.ts';
import { COLLECTORS } from './collectors.ts';
import { DOCUMENTS } from './documents.ts';
import { EVENTS } from './events.ts';
import { EXPORTERS } from './exporters.ts';
import { FACTS } from './facts.ts';
import { FLOWS, NOT_RESTORED_SQL } from './flows.ts';
import { HEARTBEATS } from './heartbeats.ts';
import { INTERFACES } from './interfaces.ts';
import { LEARNED_INTERFACES } from './learned-interfaces.ts';
import { LIVENESS, LIVENESS_SETTLED } from './liveness.ts';
import { MIGRATIONS } from './migrations.ts';
import { NODES } from './nodes.ts';
import { COARSER_PAIRS, PAIRS_1H, PAIRS_5M } from './pairs.ts';
import { PASSERS } from './passers.ts';
import { PASSES } from './passes.ts';
import { PLACES } from './places.ts';
import { PROGRESS } from './progress.ts';
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
  CELLS_5M,
  EXPORTERS,
  INTERFACES,
  COLLECTORS,
  NODES,
  PLACES,
  FACTS,
  SERVICES,
  DOCUMENTS,
  HEARTBEATS,
  EVENTS,
  LEARNED_INTERFACES,
  ALERT_RULES,
  ALERTS,
  ALERT_EVALUATIONS,
  PASSES,
  PASSERS,
  PROGRESS,
  REENRICHMENTS,
  LIVENESS,
  LIVENESS_SETTLED,
  MIGRATIONS,
];

/** Roll-ups that views fill from finer ones. */
export const COARSER = [...COARSER_TRAFFIC, ...COARSER_PAIRS, ...COARSER_CELLS];

export interface View {
  readonly name: string;
  readonly source: string;
  readonly to: string;
  /** Of the source with this prefix before its name. */
  readonly sql: (prefix: string) => string;
}

/** Each fills its table from its source; that of the records first. */
export const VIEWS: readonly View[] = [
  {
    name: 'traffic_1m_view',
    source: 'flows',
    to: 'traffic_1m',
    sql: prefix => trafficSelectSql(NOT_RESTORED_SQL, `${prefix}flows`),
  },
  ...COARSER.map(({ from, to, stepSeconds, keys }) => ({
    name: `${to}_view`,
    source: from,
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
