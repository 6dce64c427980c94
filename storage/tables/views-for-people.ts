// Views for people who write SQL, and for dashboards (docs/GRAFANA.md). Their names and columns are a promise: a column is only
// ever added, and one that would mean something else comes in a view of another name. `flows_named` shows everything; those of
// dashboards show VMs in `moves` alone, and of addresses those of exporters. They are read with the rights of whoever made them, so that a user who may
// read them needs no right to a table.

import { CLOCK_STATES, LOCALITIES } from '../../schemas/codes.ts';
import { PROTOCOLS } from '../../schemas/protocols.ts';
import { HERE, type Placement } from '../placement.ts';
import { allCollectorMinutesSql } from './collectors.ts';
import { addressTextSql, codeNameSql, flowsNamedSql, namesSql, nodeNameSql, serviceNameSql } from './flows-named.ts';

interface ViewForPeople {
  readonly name: string;
  readonly sql: (prefix: string) => string;
}

/** Rows add up: sum(bytes) and sum(varBytes) of any group are its bytes and their variance. */
const matrixSql = (table: string) => (prefix: string) =>
  `WITH ${namesSql(prefix)}
SELECT t.bucket AS time, ${nodeNameSql('t.srcApp')} AS src, ${nodeNameSql('t.dstApp')} AS dst, ${serviceNameSql('t.service')} AS service,
  ${codeNameSql('t.locality', LOCALITIES)} AS locality, t.bytes AS bytes, t.packets AS packets, t.varBytes AS varBytes, t.samples AS samples
FROM ${prefix}${table} AS t`;

const linkSql = (
  prefix: string,
) => `SELECT toDateTime(i.minute, 'UTC') AS time, ${addressTextSql('i.exporter')} AS exporter, i.ifIndex AS ifIndex, i.coveredMs / 1000 AS coveredSeconds,
  i.inOctets AS inBytes, i.outOctets AS outBytes, i.inDiscards + i.outDiscards AS discards, i.inErrors + i.outErrors AS errors, i.speedBps AS speedBps
FROM ${prefix}interfaces AS i`;

const exporterSql = (
  prefix: string,
) => `SELECT toDateTime(e.minute, 'UTC') AS time, ${addressTextSql('e.exporter')} AS exporter, e.observationDomain AS domain,
  ${codeNameSql('e.protocol', PROTOCOLS)} AS protocol, e.datagrams AS datagrams, e.records AS records, e.lost AS lost, e.restarts AS restarts,
  e.unknownRateRecords AS unknownRateRecords, e.samplingRate AS samplingRate, ${codeNameSql('e.clock', CLOCK_STATES)} AS clock, e.clockSkewMs AS clockSkewMs
FROM ${prefix}exporters AS e`;

const collectorSql = (
  prefix: string,
) => `SELECT toDateTime(m.minute, 'UTC') AS time, m.collector AS collector, m.receivingMs / 1000 AS receivingSeconds,
  m.droppedDatagrams AS droppedDatagrams, m.droppedRecords AS droppedRecords
FROM (${allCollectorMinutesSql(prefix)}) AS m`;

const movesSql = (prefix: string) => `WITH ${namesSql(prefix)}
SELECT e.at AS time, ${nodeNameSql('max(e.vm)')} AS vm, ${nodeNameSql('max(e.fromHost)')} AS fromHost, ${nodeNameSql('max(e.toHost)')} AS toHost,
  max(e.confirmedAt) > toDateTime64(0, 3) AS confirmed
FROM ${prefix}events AS e WHERE e.kind = 'move' GROUP BY e.kind, e.mac, e.toExporter, e.toIfIndex, time`;

export const DASHBOARD_VIEWS: readonly ViewForPeople[] = [
  { name: 'matrix_5m', sql: matrixSql('traffic_5m') },
  { name: 'matrix_1h', sql: matrixSql('traffic_1h') },
  { name: 'link_1m', sql: linkSql },
  { name: 'exporter_1m', sql: exporterSql },
  { name: 'collector_1m', sql: collectorSql },
  { name: 'moves', sql: movesSql },
];

/** CREATE OR REPLACE of every view: they hold nothing, and are those of this version after each start. */
export function createViewsForPeopleSql({ prefix, everywhere }: Placement = HERE): string[] {
  const created = (name: string) => `CREATE OR REPLACE VIEW ${prefix}${name}${everywhere}`;
  return [
    `${created('flows_named')} AS\n${flowsNamedSql(prefix)}`,
    ...DASHBOARD_VIEWS.map(
      ({ name, sql }) => `${created(name)} DEFINER = CURRENT_USER SQL SECURITY DEFINER AS\n${sql(prefix)}`,
    ),
  ];
}
