// Where tables stand. In the single form the connection's database holds them all. In the other forms each server has a
// database of the rows of its shard, DATABASE_local, with the same tables and views under the same names; DATABASE holds
// Distributed tables over those. So a statement is the same text in every form: who is connected to DATABASE_local works
// on one shard, who is connected to DATABASE asks all of them.
//
//   flows, exporters, interfaces    a batch stands on the one shard that its token names (sharded.ts), whole
//   roll-ups                        on the shard of their records, filled there by views and by the pass
//   everything else                 on the first shard: small, and read as one
//
// `sharded` has plain tables, no replica and no Keeper, and each server is prepared by itself. `cluster` has replicated
// tables and ON CLUSTER; its servers need the macros {shard} and {replica}.

import type { FormConfiguration } from './configuration.ts';
import type { Table } from './tables.ts';

export interface Placement {
  /** Before a name: `hairpin_local.`, or nothing. */
  readonly prefix: string;
  /** Behind a name in DDL: ` ON CLUSTER hairpin`, or nothing. */
  readonly everywhere: string;
  readonly replicated: boolean;
}

export const HERE: Placement = { prefix: '', everywhere: '', replicated: false };

/** How long the tokens of a replicated table are kept; TOKENS_MAX bounds their number. */
const TOKEN_S = 7 * 86_400;

export type { FormConfiguration };

export function isReplicated({ clickhouseForm }: Pick<FormConfiguration, 'clickhouseForm'>): boolean {
  return clickhouseForm === 'cluster';
}

/** A replica may lack parts that another one has told its client are stored; this waits for those. */
export const SYNC_FLOWS_SQL = 'SYSTEM SYNC REPLICA flows LIGHTWEIGHT';

export function localDatabase({ clickhouseDatabase }: Pick<FormConfiguration, 'clickhouseDatabase'>): string {
  return `${clickhouseDatabase}_local`;
}

/** Of the tables that hold the rows, for statements that are sent from anywhere. */
export function localPlacement(config: FormConfiguration): Placement {
  const prefix = `${localDatabase(config)}.`;
  return isReplicated(config)
    ? { prefix, everywhere: ` ON CLUSTER ${config.clickhouseCluster}`, replicated: true }
    : { prefix, everywhere: '', replicated: false };
}

/** Of the Distributed tables. */
export function frontPlacement(config: FormConfiguration): Placement {
  return { ...localPlacement(config), prefix: `${config.clickhouseDatabase}.` };
}

/** `SummingMergeTree((a, b))` as it is, or with its path and replica. */
export function engineSql({ name, engine }: Pick<Table, 'name' | 'engine'>, { prefix, replicated }: Placement): string {
  if (!replicated) return engine;
  const [, family, parameters] = /^(\w+)(?:\((.*)\))?$/.exec(engine)!;
  // The name itself and not {table}: renaming must not change where a table's log is.
  const path = `'/clickhouse/tables/{shard}/${prefix.replace('.', '/')}${name}', '{replica}'`;
  return `Replicated${family}(${path}${parameters === undefined ? '' : `, ${parameters}`})`;
}

export function settingsSql(settings: readonly string[], { replicated }: Placement): string[] {
  if (!replicated) return [...settings];
  return settings.flatMap(setting => {
    const window = setting.replace(/^non_replicated_(deduplication_window = )/, 'replicated_$1');
    return window === setting ? [setting] : [window, `replicated_deduplication_window_seconds = ${TOKEN_S}`];
  });
}

/**
 * The table in front of the tables of all shards. It is asked, not inserted into (what it would do with a row is given to
 * the first shard), so it needs no sharding key of its own.
 */
export function distributedSql(table: Table, config: FormConfiguration): string {
  const { prefix, everywhere } = frontPlacement(config);
  const columns = table.columns.map(({ name, type }) => `${name} ${type}`).join(',\n  ');
  return `CREATE TABLE IF NOT EXISTS ${prefix}${table.name}${everywhere} (\n  ${columns}\n) ENGINE = Distributed(${config.clickhouseCluster}, ${localDatabase(config)}, ${table.name}, 0)`;
}
