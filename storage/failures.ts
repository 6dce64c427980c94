// Whether a failure passes. What is wrong with the server, the network or the set-up passes: the batch is fine and waits.
// What is wrong with the batch lasts. A failure that nobody listed is taken as lasting, because the enricher tries those
// several times before it puts the batch aside, while a passing one holds up the batches behind it for ever.

import { ClickHouseError } from '@clickhouse/client';
import { StorageError } from './storage.ts';

/** Error codes of ClickHouse (src/Common/ErrorCodes.cpp) that say nothing about the batch. */
const PASSING: ReadonlySet<number> = new Set([
  60, // UNKNOWN_TABLE, 81: the tables are made by the migration
  74, // CANNOT_READ_FROM_FILE_DESCRIPTOR
  75, // CANNOT_WRITE_TO_FILE_DESCRIPTOR: disk full
  76, // CANNOT_OPEN_FILE
  81, // UNKNOWN_DATABASE
  159, // TIMEOUT_EXCEEDED
  160, // TOO_SLOW
  164, // READONLY
  173, // CANNOT_ALLOCATE_MEMORY
  198, // DNS_ERROR
  201, // QUOTA_EXCEEDED
  202, // TOO_MANY_SIMULTANEOUS_QUERIES
  203, // NO_FREE_CONNECTION
  209, // SOCKET_TIMEOUT
  210, // NETWORK_ERROR
  225, // NO_ZOOKEEPER
  236, // ABORTED
  241, // MEMORY_LIMIT_EXCEEDED
  242, // TABLE_IS_READ_ONLY
  243, // NOT_ENOUGH_SPACE
  252, // TOO_MANY_PARTS, unless TOO_MANY_PARTITIONS below
  279, // ALL_CONNECTION_TRIES_FAILED
  285, // TOO_FEW_LIVE_REPLICAS
  286, // UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE
  319, // UNKNOWN_STATUS_OF_INSERT
  394, // QUERY_WAS_CANCELLED
  425, // SYSTEM_ERROR
  439, // CANNOT_SCHEDULE_TASK
  473, // DEADLOCK_AVOIDED
  497, // ACCESS_DENIED
  516, // AUTHENTICATION_FAILED
  745, // SERVER_OVERLOADED
  999, // KEEPER_EXCEPTION
  1001, // STD_EXCEPTION: file system errors arrive so
]);

/** Code 252 has two meanings: merges do not keep up (passes), or one insert of rows of too many days (lasts). */
const TOO_MANY_PARTITIONS = /Too many partitions for single INSERT/;

/** VIOLATED_CONSTRAINT */
const VIOLATED = 469;
/** The constraint before a day that is being re-enriched (fence.ts), which is taken away within seconds. */
const FENCE = /`reenrich_[0-9a-f]+`/;

export function isFenced(error: unknown): boolean {
  return error instanceof StorageError && error.clickhouseCode === VIOLATED && FENCE.test(error.message);
}

/** Whatever a client call threw, classed. What is no answer of ClickHouse (refused, reset, timed out) passes. */
export function storageErrorOf(error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  const message = error instanceof Error ? error.message : String(error);
  if (!(error instanceof ClickHouseError))
    return new StorageError('passing', 0, `no answer from ClickHouse: ${message}`, error);
  const code = Number(error.code);
  const fenced = code === VIOLATED && FENCE.test(message);
  const passing = fenced || (PASSING.has(code) && !TOO_MANY_PARTITIONS.test(message));
  return new StorageError(passing ? 'passing' : 'lasting', code, `ClickHouse error ${code}: ${message}`, error);
}
