// The configuration files of the embedded server. Pools and caches are for a small machine shared with the collector: the
// engine's defaults are for a server of its own.

import { createHash } from 'node:crypto';
import { availableParallelism, totalmem } from 'node:os';

export const HOST = '127.0.0.1';
const GiB = 1024 ** 3;
/** A query may name thousands of nodes; the engine's own limit for a parameter is 128 KiB. */
const PARAMETER_BYTES_MAX = 16 * 1024 ** 2;

export interface User {
  readonly name: string;
  readonly password: string;
}

export interface ServerFiles {
  /** The folder that holds `users.xml`. */
  readonly folder: string;
  readonly logFile: string;
  readonly users: readonly User[];
  /** The element `remote_servers`, where the server is one of several. */
  readonly remoteServers?: string;
}

export function authorization(user: User): string {
  return `Basic ${Buffer.from(`${user.name}:${user.password}`).toString('base64')}`;
}

export function serverConfiguration({ folder, logFile, users, remoteServers = '' }: ServerFiles): string {
  const memoryBytes = Math.floor(Math.min(8 * GiB, Math.max(GiB, totalmem() / 2)));
  const rules = users.map(
    user =>
      `<rule><headers><Authorization>${authorization(user)}</Authorization></headers><handler><type>dynamic_query_handler</type><query_param_name>query</query_param_name></handler></rule>`,
  );
  return `<clickhouse>
  <users_config>${xml(folder)}/users.xml</users_config>
  <logger><log>${xml(logFile)}</log><size>10M</size><count>2</count></logger>
  <http_handlers>${rules.join('')}</http_handlers>
  ${remoteServers}
  <max_server_memory_usage>${memoryBytes}</max_server_memory_usage>
  <mark_cache_size>${256 * 1024 ** 2}</mark_cache_size>
  <background_pool_size>${Math.max(2, Math.min(16, availableParallelism()))}</background_pool_size>
  <background_schedule_pool_size>8</background_schedule_pool_size>
  <background_move_pool_size>1</background_move_pool_size>
  <background_fetches_pool_size>1</background_fetches_pool_size>
  <merge_tree>
    <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
    <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
    <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
  </merge_tree>
</clickhouse>`;
}

/**
 * A query that has what its LIMIT needs drops its connections to the other servers, and this engine, unlike
 * clickhouse-server, exits when one of its connections is reset. With this setting a query reads to the end.
 */
const READ_TO_THE_END = '<exact_rows_before_limit>1</exact_rows_before_limit>';

/** `readonly` 2 lets a reader choose settings such as a time limit, but write nothing; its grants exclude files and URLs. */
export function usersConfiguration(owner: User, reader: User, queriesOthers: boolean): string {
  const grants = ['SELECT ON *.*', 'SHOW ON *.*', 'dictGet ON *.*']
    .map(grant => `<query>GRANT ${grant}</query>`)
    .join('');
  return `<clickhouse>
  <profiles><default><http_max_field_value_size>${PARAMETER_BYTES_MAX}</http_max_field_value_size>${queriesOthers ? READ_TO_THE_END : ''}</default><reader><readonly>2</readonly></reader></profiles>
  <quotas><default/></quotas>
  <users>
    <default><password/><networks><ip>${HOST}</ip></networks><profile>default</profile><quota>default</quota></default>
    ${userElement(owner, '<profile>default</profile>')}
    ${userElement(reader, `<profile>reader</profile><grants>${grants}</grants>`)}
  </users>
</clickhouse>`;
}

function userElement({ name, password }: User, more: string): string {
  const hash = createHash('sha256').update(password).digest('hex');
  return `<${name}><password_sha256_hex>${hash}</password_sha256_hex><networks><ip>${HOST}</ip></networks><quota>default</quota>${more}</${name}>`;
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
