// Where tables are stored. In the single form the connection's database holds them all. In the other forms each server has
// a database for the rows of its shard, DATABASE_local, with the same tables and views under the same names; DATABASE holds
// Distributed tables over those. So a statement is the same text in every form: a client of DATABASE_local works on one
// shard, a client of DATABASE queries all of them.
//
//   flows, exporters, interfaces,   a batch is stored whole on the one shard that its token selects (sharded.ts)
//   collectors
//   roll-ups                        on the shard of their records, filled there by views and by the scheduled roll-up
//   everything else                 on the first shard: small, and read as one
//
// `sharded` has plain tables, no replica and no Keeper, and each server is migrated by itself. `cluster` has replicated
// tables and ON CLUSTER; its servers need the macros {shard} and {replica}.

import type { FormConfiguration } from './configuration.ts';

export interface Placement {
  /** Before a name: `hairpin_local.`, or nothing. */
  readonly prefix: string;
  /** Behind a name in DDL: ` ON CLUSTER hairpin`, or nothing. */
  readonly everywhere: string;
  readonly replicated: boolean;
}

export const HERE: Placement = { prefix: '', everywhere: '', replicated: false };

/** How long a replicated table keeps tokens; TOKENS_MAX (tables/table.ts) bounds their number. */
const TOKEN_S = 7 * 86_400;

export type { FormConfiguration };

export function isReplicated({ clickhouseForm }: Pick<FormConfiguration, 'clickhouseForm'>): boolean {
  return clickhouseForm === 'cluster';
}

/** A replica may lack parts that another one has acknowledged to its client; this statement waits for those. */
export const SYNC_FLOWS_SQL = 'SYSTEM SYNC REPLICA flows LIGHTWEIGHT';

export function localDatabase({ clickhouseDatabase }: Pick<FormConfiguration, 'clickhouseDatabase'>): string {
  return `${clickhouseDatabase}_local`;
}

/** Of the tables that hold the rows, for statements that any server may receive. */
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
export function engineSql(
  { name, engine }: { name: string; engine: string },
  { prefix, replicated }: Placement,
): string {
  if (!replicated) return engine;
  const [, family, parameters] = /^(\w+)(?:\((.*)\))?$/.exec(engine)!;
  // The name itself and not {table}: renaming a table must not move its log.
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
